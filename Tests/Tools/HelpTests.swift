import Foundation
import TestSupport
import Testing

/// What `--help` prints: as it was read and approved, on any terminal, with examples to be pasted.
struct HelpTests {
  /// A tool, or one of its subcommands.
  struct Command: CustomTestStringConvertible, Sendable {
    let tool: String
    let words: [String]
    var testDescription: String { ([tool] + words).joined(separator: " ") }
    var file: String { ([tool] + words).joined(separator: "-") + ".txt" }
    var help: String { get throws { try Shell.run(tool, words + ["--help"]).text } }
  }

  static let tools = ["fpq-stats", "fpq-round", "fpq-pack", "dit-run", "fpq-show"]
  static let commands = tools.flatMap { tool in
    let help = (try? Command(tool: tool, words: []).help) ?? ""
    return [Command(tool: tool, words: [])]
      + subcommands(help).map { Command(tool: tool, words: [$0]) }
  }

  /// The names under SUBCOMMANDS, which stand two columns in, or those that usage names beside the
  /// tool's own.
  private static func subcommands(_ help: String) -> [String] {
    let lines = help.split(separator: "\n", omittingEmptySubsequences: false)
    let listed = lines.drop { $0 != "SUBCOMMANDS:" }.dropFirst().prefix { !$0.isEmpty }
      .filter { $0.prefix { $0 == " " }.count == 2 }
      .compactMap { $0.split(separator: " ").first.map(String.init) }
    let used = lines.drop { !$0.hasPrefix("USAGE:") }.prefix { !$0.isEmpty }
      .compactMap { $0.firstMatch(of: /^(?:USAGE:| {6}) [-\w]+ (\w+)/)?.1 }.map(String.init)
    return listed + used
  }

  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appending(path: "Help").path

  let here: TemporaryFolder

  init() throws { here = try TemporaryFolder() }

  private func file(_ command: Command) throws -> String {
    String(decoding: try contents("\(HelpTests.folder)/\(command.file)"), as: UTF8.self)
  }

  @Test func `a file for each tool and subcommand`() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: HelpTests.folder)
    #expect(HelpTests.commands.count == 13)
    #expect(Set(files) == Set(HelpTests.commands.map(\.file) + ["renew.sh"]))
  }

  /// After a change that is meant: `Tests/Tools/Help/renew.sh`, and look at what git says of it.
  @Test(arguments: commands)
  func `the whole text`(_ command: Command) throws {
    #expect(try command.help == file(command))
  }

  @Test(arguments: commands)
  func `the same text on narrow terminals, to stdout, with exit code 0`(_ command: Command) throws {
    let text = try file(command)
    for columns in ["40", "200"] {
      let help = try Shell.run(
        command.tool, command.words + ["--help"], environment: ["COLUMNS": columns])
      #expect(help.status == 0 && help.error.isEmpty)
      #expect(help.text == text)
    }
    // A terminal of its own; what goes through it ends its lines with CR LF.
    let line = "stty columns 50; stty size; \(command.testDescription) --help"
    let terminal = try Shell.script("script -qec '\(line)' /dev/null < /dev/null").text
      .replacing("\r\n", with: "\n")
    let size = terminal.prefix { $0 != "\n" }
    #expect(size.hasSuffix(" 50"))
    #expect(terminal == "\(size)\n\(text)")
  }

  @Test func `help as a subcommand, and of a tool that is told nothing`() throws {
    for command in HelpTests.commands where !command.words.isEmpty {
      let help = try Shell.run(
        command.tool, ["help"] + command.words, environment: ["COLUMNS": "40"])
      #expect(help.status == 0 && help.error.isEmpty)
      #expect(try help.text == file(command))
    }
    let show = try Shell.run("fpq-show", environment: ["COLUMNS": "40"])
    #expect(try show.status == 0 && show.text == file(Command(tool: "fpq-show", words: [])))
  }

  @Test(arguments: commands)
  func `examples are lines that a shell takes as they stand`(_ command: Command) throws {
    let overview = try command.help.split(separator: "\n", omittingEmptySubsequences: false)
      .prefix { !$0.hasPrefix("USAGE:") }
    let lines = overview.filter { $0.hasPrefix("  ") }
    #expect(lines.contains { $0.contains(command.testDescription) })
    #expect(lines.allSatisfy { $0.count <= 76 && !$0.contains("\t") })
    let syntax = try Shell.run("/bin/sh", ["-n"], input: Data(lines.joined(separator: "\n").utf8))
    #expect(syntax.status == 0 && syntax.error.isEmpty, "\(syntax.error)")

    // A command goes on after a backslash and after a pipe.
    var examples: [String] = []
    var isOpen = false
    for line in lines {
      let start = isOpen ? (examples.popLast() ?? "") + "\n" : ""
      examples.append(start + line)
      isOpen = line.hasSuffix("\\") || line.hasSuffix("|")
    }
    #expect(!isOpen)
    for example in examples {
      // In an empty folder each tool takes its arguments, and then has no file to read.
      let result = try Shell.script(example, in: here.path)
      let said = result.error.split(separator: "\n")
      #expect(!said.isEmpty, "\(example)")
      #expect(
        said.allSatisfy { line in HelpTests.tools.contains { line.hasPrefix("\($0): ") } },
        "\(example): \(result.error)")
    }
  }

  @Test(arguments: commands)
  func `every argument is explained`(_ command: Command) throws {
    let lines = try command.help.split(separator: "\n", omittingEmptySubsequences: false)
      .drop { !$0.hasPrefix("USAGE:") }
    for (line, next) in zip(lines, lines.dropFirst())
    where line.hasPrefix("  -") || line.hasPrefix("  <") {
      // The explanation stands in column 26, beside the name or below a long one.
      #expect(line.count > 26 || next.hasPrefix(String(repeating: " ", count: 26)), "\(line)")
    }
  }

  @Test(arguments: commands)
  func `wrong arguments go to stderr with exit code 64`(_ command: Command) throws {
    let wrong = try Shell.run(command.tool, command.words + ["--no-such-\u{1B}[2J"])
    #expect(wrong.status == 64 && wrong.output.isEmpty)
    #expect(wrong.error.hasPrefix("Error: ") && wrong.error.contains("Usage: \(command.tool)"))
    #expect(!wrong.error.contains("\u{1B}"))
  }

  @Test func `help that cannot be written is a failure`() throws {
    let help = try Shell.script("fpq-show --help > /dev/full")
    #expect(help.status == 1)
    #expect(help.error == "fpq-show: <stdout>: cannot be written: no space left on device\n")
  }
}
