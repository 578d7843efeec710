import Foundation
import Tensors
import TestSupport
import Testing

/// Every option of every tool is named by a test that runs the built tools.
struct OptionCoverageTests {
  /// Options that no test names yet, by tool or subcommand.
  static let unnamed: [String: Set<String>] = [:]

  private func list(_ json: JSON?) -> [JSON] {
    if case .array(let list)? = json { list } else { [] }
  }

  /// The options of `tool` and its subcommands, each by all its names.
  private func options(of tool: String) throws -> [(command: String, names: [String])] {
    let dump = try Shell.run(tool, ["--experimental-dump-help"])
    let json = try dump.output.withUnsafeBytes { try JSON(parsing: $0) }
    func walk(_ command: JSON?, _ parents: String) -> [(String, [String])] {
      let path = parents + (command?["commandName"]?.string ?? "")
      let own = list(command?["arguments"]).map { argument in
        let names = list(argument["names"]).compactMap { name in
          name["name"]?.string.map { (name["kind"]?.string == "short" ? "-" : "--") + $0 }
        }
        return (path, names)
      }
      let below = list(command?["subcommands"]).flatMap { walk($0, "\(path) ") }
      return own + below
    }
    return walk(json["command"], "").filter { !$0.1.isEmpty && !$0.1.contains("--help") }
  }

  @Test(arguments: ["fpq-stats", "fpq-round", "fpq-pack", "dit-run", "fpq-show"])
  func `every option is named by a test of its tool`(_ tool: String) throws {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent()
    let texts = try ["Tools", "Inspection"].flatMap { folder in
      try FileManager.default.contentsOfDirectory(
        at: tests.appendingPathComponent(folder), includingPropertiesForKeys: nil)
    }.filter { $0.pathExtension == "swift" && $0.path != #filePath }
      .map { try String(contentsOf: $0, encoding: .utf8) }.filter { $0.contains(tool) }
    let options = try options(of: tool)
    #expect(options.count > 5)
    var unnamed: [String: Set<String>] = [:]
    for (command, names) in options {
      let patterns = try names.map { try Regex("(?:^|[^-\\w])\($0)(?![-\\w])") }
      let isNamed = texts.contains { text in patterns.contains { text.contains($0) } }
      if !isNamed { unnamed[command, default: []].insert(names[names.count - 1]) }
    }
    #expect(unnamed == OptionCoverageTests.unnamed.filter { $0.key.hasPrefix(tool) })
  }
}
