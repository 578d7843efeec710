import Foundation
import Tensors
import TestSupport
import Testing

/// Every option that takes a number is given numbers that cannot be meant: the tool does what it
/// can, or refuses it in a line; it never ends by a signal, and never goes on without end.
///
/// Options are those that the tools themselves list, so that new ones are tried too.
struct NumberOptionTests {
  /// A tool or subcommand, and arguments with which it does a little.
  struct Command: CustomTestStringConvertible, Sendable {
    let words: [String]
    let arguments: @Sendable (_ fixture: Fixture, _ here: TemporaryFolder) -> [String]
    var testDescription: String { words.joined(separator: " ") }
  }

  static let commands = [
    Command(words: ["dit-run"]) { _, here in
      ["-m", Fixture.model, "-p", "owl", "--steps", "1", "-o", here.file("%d.png")]
    },
    Command(words: ["fpq-stats"]) { fixture, here in
      [
        "-m", Fixture.model, "-f", fixture.prompts, "--limit", "1", "--steps", "1", "-o",
        here.file("out"),
      ]
    },
    Command(words: ["fpq-round", "round"]) { fixture, here in
      [
        "-i", fixture.stats, "--method", "nearest", "--layers", "transformer_blocks.0.attn1.to_q",
        "-o", here.file("out"),
      ]
    },
    Command(words: ["fpq-round", "advise"]) { fixture, _ in [fixture.stats, "--bits", "4"] },
    Command(words: ["fpq-pack"]) { fixture, here in
      ["-i", fixture.codes, "-o", here.file("out")]
    },
    Command(words: ["fpq-show", "histogram"]) { fixture, _ in
      [fixture.packed, "proj_out.weight"]
    },
    Command(words: ["fpq-show", "diff"]) { fixture, _ in [fixture.stats, fixture.stats] },
    Command(words: ["fpq-show", "compare"]) { _, _ in [sheet, sheet] },
    Command(words: ["fpq-show", "sheet"]) { _, here in [sheet, sheet, "-o", here.file("out")] },
  ]

  private static let sheet = References.path("emoji-pixart/sheet.png")

  static let numbers = [
    "0", "-1", "1e308", "nan", "-inf", "1e-300", "2147483648", "9223372036854775807",
    "99999999999",
  ]

  @Test func `all commands are tried`() throws {
    let tools = ["fpq-stats", "fpq-round", "fpq-pack", "dit-run", "fpq-show"]
    let listed = try tools.flatMap { try ToolOptions.list(of: $0) }.filter(\.takesValue)
    #expect(Set(listed.map(\.command)) == Set(NumberOptionTests.commands.map(\.testDescription)))
  }

  @Test(arguments: commands)
  func `a number that cannot be meant`(_ command: Command) throws {
    let (fixture, here) = (try Fixture.shared(), try TemporaryFolder())
    let (tool, words) = (command.words[0], Array(command.words.dropFirst()))
    func run(_ option: String) throws -> Shell.Result {
      try Shell.run(
        "/usr/bin/timeout",
        ["60", "\(Shell.tools)/\(tool)"] + words + command.arguments(fixture, here) + [option],
        folder: here.path)
    }
    let options = try ToolOptions.list(of: tool).filter {
      $0.command == command.testDescription && $0.takesValue
    }
    for name in options.flatMap(\.names) where name.hasPrefix("--") {
      // What takes a number takes no word, and has no list of words.
      let probe = try run("\(name)=word")
      guard probe.status == 64, probe.error.contains("is invalid for"),
        !probe.error.contains("Please provide one of")
      else { continue }
      for number in NumberOptionTests.numbers {
        let result = try run("\(name)=\(number)")
        #expect(
          [0, 2, 64].contains(result.status) || isOneLine(result, from: tool),
          "\(name) \(number): \(result.status) \(result.error.prefix(300))")
        #expect(
          !result.error.contains("Missing value"), "\(name) \(number): \(result.error)")
      }
    }
  }

  @Test func `a negative number may follow its option`() throws {
    let result = try Shell.run(
      "dit-run", ["-m", Fixture.model, "-p", "owl", "--steps", "-1"])
    #expect(result.status == 64 && result.error.contains("--steps must be"), "\(result.error)")
  }

  @Test func `too many pictures, and too large ones`() throws {
    let fixture = try Fixture.shared()
    let here = try TemporaryFolder()
    let output = ["-o", here.file("%d.png")]
    let model = ["-m", Fixture.model]
    let many = try Shell.run(
      "dit-run", model + ["-f", fixture.prompts, "-b", "1000000"] + output)
    #expect(isOneLine(many, from: "dit-run", saying: "at most 1000000 pictures"), "\(many.error)")
    for size in ["9223372036854775807", "2147483648", "100000", "8193", "0"] {
      for option in ["-W", "-H"] {
        let large = try Shell.run("dit-run", model + ["-p", "owl", option, size] + output)
        #expect(large.status == 64 && large.error.contains("must be 1 to 8192"), "\(large.error)")
      }
    }
    #expect(try here.contents.isEmpty)
  }
}
