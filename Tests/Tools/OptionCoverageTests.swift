import Foundation
import TestSupport
import Testing

/// Every option of every tool is named by a test that runs the built tools.
struct OptionCoverageTests {
  /// Options that no test names yet, by tool or subcommand.
  static let unnamed: [String: Set<String>] = [:]

  @Test(arguments: ["fpq-stats", "fpq-round", "fpq-pack", "dit-run", "fpq-show"])
  func `every option is named by a test of its tool`(_ tool: String) throws {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent()
    let texts = try ["Tools", "Inspection"].flatMap { folder in
      try FileManager.default.contentsOfDirectory(
        at: tests.appendingPathComponent(folder), includingPropertiesForKeys: nil)
    }.filter { $0.pathExtension == "swift" && $0.path != #filePath }
      .map { try String(contentsOf: $0, encoding: .utf8) }.filter { $0.contains(tool) }
    let options = try ToolOptions.list(of: tool).filter { !$0.names.contains("--help") }
    #expect(options.count > 5)
    var unnamed: [String: Set<String>] = [:]
    for (command, names) in options.map({ ($0.command, $0.names) }) {
      let patterns = try names.map { try Regex("(?:^|[^-\\w])\($0)(?![-\\w])") }
      let isNamed = texts.contains { text in patterns.contains { text.contains($0) } }
      if !isNamed { unnamed[command, default: []].insert(names[names.count - 1]) }
    }
    #expect(unnamed == OptionCoverageTests.unnamed.filter { $0.key.hasPrefix(tool) })
  }
}
