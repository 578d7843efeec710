import Foundation

/// What a run reads, writes, needs and takes, as the headers of its inputs and a few timed pieces of
/// its work tell; what `--plan` prints.
package struct RunPlan {
  private struct File {
    let isWritten: Bool
    /// Whether it has so many bytes at least.
    let isCertain: Bool
    let path: String
    let bytes: Int
    let what: String
  }

  private var files: [File] = []
  /// Bytes of memory of its own, which the run holds for certain.
  package private(set) var memory = 0
  /// Bytes of memory of its own at some moment, as a formula has them.
  private var moment = 0
  private var pieces: [(what: String, seconds: Double)] = []

  package init() {}

  package mutating func reads(_ path: String, bytes: Int, _ what: String) {
    files.append(File(isWritten: false, isCertain: true, path: path, bytes: bytes, what: what))
  }

  /// Adds a file that is written.
  ///
  /// - Parameters:
  ///   - path: of the file or folder.
  ///   - bytes: how many.
  ///   - what: is said beside it.
  ///   - isCertain: whether it will have so many bytes at least; else at most.
  package mutating func writes(
    _ path: String, bytes: Int, _ what: String, isCertain: Bool = true
  ) {
    files.append(File(isWritten: true, isCertain: isCertain, path: path, bytes: bytes, what: what))
  }

  package mutating func holds(_ bytes: Int) { memory += bytes }

  /// Adds a moment at which the run needs about so much memory.
  package mutating func needs(about bytes: Int) { moment = max(moment, bytes) }

  /// Adds `count` times what a timed piece took.
  package mutating func takes(_ what: String, _ seconds: Double, times count: Int = 1) {
    pieces.append((what, seconds * Double(count)))
  }

  /// Refuses a run that cannot fit into the memory that is available, or whose files the disk has no
  /// room for.
  ///
  /// - Throws: `Failure` naming what is short.
  package func check() throws {
    try check(available: Memory.available, free: RunPlan.free)
  }

  /// As above, on a machine with `available` bytes of memory (nil: nobody knows) and `free` bytes on
  /// the disk of a path.
  package func check(available: Int?, free: (_ path: String) -> Int?) throws {
    if let available, memory > available {
      throw Failure(
        "memory",
        "expected \(RunPlan.size(memory)) for this run, found \(RunPlan.size(available)) available")
    }
    for file in files where file.isWritten && file.isCertain && RunPlan.takesRoom(file.path) {
      if let room = free(file.path), file.bytes > room {
        throw Failure(
          file.path,
          "expected room for \(RunPlan.size(file.bytes)) on its disk, found \(RunPlan.size(room))")
      }
    }
  }

  /// A line each for files, memory and pieces of time.
  package var text: String {
    let inOrder = files.filter { !$0.isWritten } + files.filter(\.isWritten)
    var lines = inOrder.map { file in
      [file.isWritten ? "writes" : "reads", RunPlan.size(file.bytes), file.path, file.what]
    }
    let read = files.filter { !$0.isWritten }.reduce(0) { $0 + $1.bytes }
    // What the timed pieces needed comes on top.
    let needed = max(memory + Memory.needed, moment)
    let available = Memory.available.map { "of \(RunPlan.size($0)) available" } ?? ""
    lines.append(["memory", RunPlan.size(needed), "needed", available])
    lines.append(["", RunPlan.size(read), "mapped from files at most, where there is room", ""])
    for piece in pieces { lines.append(["time", RunPlan.time(piece.seconds), piece.what, ""]) }
    if pieces.count > 1 {
      let total = pieces.reduce(0) { $0 + $1.seconds }
      lines.append(["time", RunPlan.time(total), "in all", ""])
    }
    let widths = (0..<3).map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line in
      let cells = (0..<3).map { column in
        // Figures to the right, words to the left.
        let pad = String(repeating: " ", count: widths[column] - line[column].count)
        return column == 1 ? pad + line[column] : line[column] + pad
      }
      var row = (cells + [line[3]]).joined(separator: "  ")
      while row.last == " " { row.removeLast() }
      return row + "\n"
    }.joined()
  }

  /// Whether what is written to `path` comes to lie on its disk: not so stdout, devices and pipes.
  private static func takesRoom(_ path: String) -> Bool {
    var status = stat()
    guard path != "-", !path.hasPrefix("/dev/"), !path.hasPrefix("/proc/") else { return false }
    guard stat(path, &status) == 0 else { return true }
    return [S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT)
  }

  /// Bytes that the disk of `path` has free for us.
  private static func free(_ path: String) -> Int? {
    var folder = URL(fileURLWithPath: path).standardizedFileURL.deletingLastPathComponent().path
    if folder.isEmpty { folder = "." }
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { return nil }
    return Int(status.f_bavail) * Int(status.f_frsize)
  }

  private static func size(_ bytes: Int) -> String {
    bytes < 100_000_000
      ? String(format: "%.2f MB", Double(bytes) / 1e6)
      : String(format: "%.2f GB", Double(bytes) / 1e9)
  }

  private static func time(_ seconds: Double) -> String {
    seconds < 100 ? String(format: "%.1f s", seconds) : Progress.clock(seconds)
  }
}

/// Seconds that `body` takes.
package func timed(_ body: () throws -> Void) rethrows -> Double {
  let start = ContinuousClock.now
  try body()
  let (whole, fraction) = (ContinuousClock.now - start).components
  return Double(whole) + Double(fraction) * 1e-18
}

/// Bytes of the file or of the files in the folder `path`; links count as what they point to.
package func fileSize(_ path: String) -> Int {
  var status = stat()
  guard stat(path, &status) == 0 else { return 0 }
  guard status.st_mode & S_IFMT == S_IFDIR else { return Int(status.st_size) }
  return ((try? folderContents(path)) ?? []).reduce(0) { $0 + fileSize("\(path)/\($1)") }
}
