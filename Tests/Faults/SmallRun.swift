import Foundation
import TestSupport
import Testing

/// A run of a tool that takes a moment, to be disturbed: what it was given and what it makes lie in
/// a folder of their own.
struct SmallRun: Sendable, CustomTestStringConvertible {
  let testDescription: String
  private let tool: String
  private let arguments: [String]
  /// Files that it replaces.
  private let replaced: [String]

  /// `FOLDER/` in front of a word becomes the folder of the run.
  private init(_ command: String, replacing replaced: String...) {
    let words = command.split(separator: " ").map(String.init)
    (testDescription, tool, arguments) = (command, words[0], Array(words.dropFirst()))
    self.replaced = replaced
  }

  static let all = [
    SmallRun(
      "fpq-stats -m MODEL -f FOLDER/prompts.txt --steps 2 --resume --resume-interval 1 -o FOLDER/out",
      replacing: "out"),
    SmallRun("fpq-round -i FOLDER/stats --resume -o FOLDER/out", replacing: "out"),
    SmallRun(
      "fpq-round -i FOLDER/stats --report FOLDER/report.tsv -o FOLDER/out", replacing: "out"),
    SmallRun("fpq-pack -i FOLDER/codes -o FOLDER/out.safetensors", replacing: "out.safetensors"),
    SmallRun("fpq-pack -i FOLDER/codes -o FOLDER/out"),
    SmallRun(
      "dit-run -m MODEL -f FOLDER/prompts.txt --steps 1 -o FOLDER/%d.png", replacing: "1.png"),
    SmallRun("fpq-show sheet FOLDER/a FOLDER/b -o FOLDER/out.png", replacing: "out.png"),
    SmallRun("fpq-show ls FOLDER/stats"),
  ]

  /// Those that go on where they were stopped, or begin again.
  static let stages = Array(all.prefix(5))

  /// A fresh folder with the inputs, and with other files under the names of the outputs.
  func folder() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for file in replaced { try folder.write(file, "as before".utf8) }
    for (name, bytes) in try SmallRun.inputs.get() {
      let path = URL(fileURLWithPath: folder.file(name))
      try FileManager.default.createDirectory(
        at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
      try bytes.write(to: path)
    }
    return folder
  }

  /// Runs it to its end, which `environment` may bring about early.
  func callAsFunction(
    in folder: TemporaryFolder, killedAfter seconds: Double? = nil,
    environment: [String: String] = [:]
  ) throws -> Shell.Result {
    let words = arguments.map {
      $0.replacing("FOLDER", with: folder.path).replacing("MODEL", with: SmallRun.model)
    }
    guard let seconds else { return try Shell.run(tool, words, environment: environment) }
    return try Shell.run(
      "/usr/bin/timeout", ["-s", "KILL", "\(seconds)", "\(Shell.tools)/\(tool)"] + words)
  }

  /// The line on stderr that a refusal is.
  func isOneLine(_ error: String) -> Bool {
    error.hasPrefix("\(tool): ") && error.last == "\n" && error.count { $0 == "\n" } == 1
  }

  private static let model = References.path("pipeline-sigma/pipeline")

  /// The files that runs start from, by their names in the folder.
  private static let inputs = Result {
    let folder = try TemporaryFolder()
    try folder.write("prompts.txt", "red heart\nblue owl\n".utf8)
    for command in [
      "fpq-stats -m \(model) -f prompts.txt --steps 2 -o stats", "fpq-round -i stats -o codes",
      "mkdir a; dit-run -m \(model) -f prompts.txt --steps 1 -o a/%d.png", "cp -r a b",
    ] {
      let result = try Shell.script(command, in: folder.path)
      guard result.status == 0 else { throw CocoaError(.fileReadUnknown) }
    }
    return try files(in: folder)
  }
}

/// All files in `folder` by their paths there; reports without their column of times.
func files(in folder: TemporaryFolder) throws -> [String: Data] {
  let root = folder.path
  var files: [String: Data] = [:]
  for path in try FileManager.default.subpathsOfDirectory(atPath: root) {
    var isFolder: ObjCBool = false
    let full = "\(root)/\(path)"
    guard FileManager.default.fileExists(atPath: full, isDirectory: &isFolder), !isFolder.boolValue
    else { continue }
    let bytes = try Data(contentsOf: URL(fileURLWithPath: full))
    files[path] = path.hasSuffix(".tsv") ? withoutSeconds(bytes) : bytes
  }
  return files
}

private func withoutSeconds(_ report: Data) -> Data {
  let lines = String(decoding: report, as: UTF8.self).split(separator: "\n").map { line in
    var cells = line.split(separator: "\t", omittingEmptySubsequences: false)
    if cells.count > 11 { cells.remove(at: 11) }
    return cells.joined(separator: "\t")
  }
  return Data(lines.joined(separator: "\n").utf8)
}

/// Whether `make faults` runs the tests, which then takes an hour; otherwise they try a few of all.
let triesAll = ProcessInfo.processInfo.environment["FPQ_FAULTS"] != nil
