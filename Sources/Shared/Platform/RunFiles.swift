import Foundation

/// The files that the arguments of a run name, each with its option: what can be told of them before
/// the first second of work.
package struct RunFiles: Sendable {
  private struct Named {
    let path: String
    let option: String
  }

  private var inputs: [Named] = []
  private var files: [Named] = []
  private var folders: [Named] = []
  private var wholes: [Named] = []

  package init() {}

  /// Adds an input, `-`: stdin; nil: the option was not given.
  package mutating func reads(_ path: String?, _ option: String) {
    if let path { inputs.append(Named(path: path, option: option)) }
  }

  /// Adds a file that is written, `-`: stdout; nil: the option was not given.
  package mutating func writes(_ path: String?, _ option: String) {
    if let path { files.append(Named(path: path, option: option)) }
  }

  /// Adds a folder that is made, or added to; nil: the option was not given.
  package mutating func fills(_ folder: String?, _ option: String) {
    if let folder { folders.append(Named(path: folder, option: option)) }
  }

  /// Adds a folder that is made as a whole, an `OutputFolder`, which says itself whether it can be.
  package mutating func makes(_ folder: String?, _ option: String) {
    if let folder { wholes.append(Named(path: folder, option: option)) }
  }

  /// Refuses two outputs under one name, an output that is an input, also by links, and outputs that
  /// cannot be written.
  ///
  /// - Parameter writesStdout: false where stdout gets something else, as a plan.
  /// - Throws: `Failure` naming file and options.
  package func check(writesStdout: Bool = true) throws {
    try checkPlaces(inputs)
    var (stdin, owners): (Named?, [Place: Named]) = (nil, [:])
    for input in inputs where input.path == "-" {
      if let stdin {
        throw RunFiles.clash("<stdin>", input.option, "reads", stdin.option)
      }
      stdin = input
    }
    for output in files + folders + wholes {
      guard let place = Place(writing: output.path) else { continue }
      if let other = owners.updateValue(output, forKey: place) {
        let name = OutputFile.isStdout(output.path) ? "<stdout>" : output.path
        throw RunFiles.clash(name, output.option, "writes", other.option)
      }
    }
    // One file is tried in each folder.
    var tried: Set<String> = []
    for file in files where writesStdout || !OutputFile.isStdout(file.path) {
      let folder = TemporaryName.split(OutputFile.followingLinks(file.path)).folder
      try OutputFile.check(file.path, probes: tried.insert(folder).inserted)
    }
    for folder in folders { try RunFiles.checkFolder(folder.path) }
  }

  /// Refuses an output that is one of the files `paths`, which `option` names.
  ///
  /// - Throws: `Failure` naming file and options.
  package func check(notAmong paths: [String], of option: String) throws {
    try checkPlaces(paths.map { Named(path: $0, option: option) })
  }

  private func checkPlaces(_ inputs: [Named]) throws {
    let places = inputs.compactMap { input in
      Place(reading: input.path).map { ($0, input) }
    }
    let owners = Dictionary(places, uniquingKeysWith: { first, _ in first })
    for output in files + folders + wholes {
      guard let place = Place(writing: output.path), let input = owners[place] else { continue }
      let name = OutputFile.isStdout(output.path) ? "<stdout>" : output.path
      throw RunFiles.clash(name, output.option, "reads", input.option)
    }
  }

  private static func clash(
    _ place: String, _ option: String, _ does: String, _ other: String
  ) -> Failure {
    Failure(place, "\(option): expected a file of its own, found what \(other) \(does)")
  }

  /// That the folder `path` can be made with all above it, and written to.
  private static func checkFolder(_ path: String) throws {
    var status = stat()
    var existing = path.isEmpty ? "." : path
    while stat(existing, &status) != 0 {
      let above = URL(fileURLWithPath: existing).deletingLastPathComponent().path
      guard errno == ENOENT, above != existing else {
        throw Failure(path, "cannot be written: \(systemReason())")
      }
      existing = above
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw Failure(path, "expected a folder or a place for one, found a file")
    }
    try OutputFolder.probe(beside: "\(existing)/fpq", for: path)
  }
}

/// Where a file is, however it is named; what is equal is the same file.
private enum Place: Hashable {
  case stdin, stdout
  case existing(device: dev_t, number: ino_t)
  /// In a folder that there is, under a name that there is not.
  case new(device: dev_t, folder: ino_t, name: String)

  /// - Returns: nil for what cannot be the same as an output, as a pipe.
  init?(reading path: String) {
    var status = stat()
    if path == "-" {
      self = Place(redirected: STDIN_FILENO) ?? .stdin
    } else {
      guard stat(path, &status) == 0, Place.isKept(status) else { return nil }
      self = Place(status)
    }
  }

  /// - Returns: nil for a device or a pipe, which several outputs may share, and where nothing can
  ///   be written.
  init?(writing path: String) {
    var status = stat()
    if OutputFile.isStdout(path) {
      self = Place(redirected: STDOUT_FILENO) ?? .stdout
    } else if stat(path, &status) == 0 {
      guard Place.isKept(status) else { return nil }
      self = Place(status)
    } else {
      var target = OutputFile.followingLinks(path)
      while target.count > 1, target.hasSuffix("/") { target.removeLast() }
      let (folder, name) = TemporaryName.split(target)
      guard stat(folder.isEmpty ? "." : folder, &status) == 0 else { return nil }
      self = .new(device: status.st_dev, folder: status.st_ino, name: name)
    }
  }

  /// - Returns: nil where the descriptor is no regular file.
  private init?(redirected descriptor: Int32) {
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    self = Place(status)
  }

  private init(_ status: stat) {
    self = .existing(device: status.st_dev, number: status.st_ino)
  }

  /// Whether it is a file or a folder.
  private static func isKept(_ status: stat) -> Bool {
    [S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT)
  }
}
