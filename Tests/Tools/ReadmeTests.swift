import Foundation
import TestSupport
import Testing

/// What the README says: its commands are run from its text, its options exist, and its figures are
/// those of the evaluation.
struct ReadmeTests {
  private static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
  private static let tools = ["fpq-stats", "fpq-round", "fpq-pack", "dit-run", "fpq-show"]
  /// Not run: these build, install, and run the tests.
  private static let leftOut = ["make demo", "make test"]

  @Test func `its commands run in order as they stand`() throws {
    var lines = commands(in: try text("README.md"))
    for tool in ReadmeTests.tools {
      #expect(lines.contains { $0.hasPrefix("\(tool) ") }, "no command starts with \(tool)")
    }
    for command in ReadmeTests.leftOut {
      let line = lines.firstIndex { $0.split(separator: "#")[0].trimmed == command }
      lines.remove(at: try #require(line, "\(command) is not there to be left out"))
    }
    let result = try paste(lines)
    #expect(result.status == 0, "\(result.error.suffix(600))")
  }

  /// That the test above can fail, wherever in a line the fault is.
  @Test(arguments: [
    "fpq-stats -m examples/emoji-pixart -f examples/prompts.txt -o stats --no-such-option",
    "dit-run -m examples/emoji-pixart -p owl --setps 20 | cat > owl.png; fpq-show --help",
    "fpq-show ls missing.safetensors | cat",
    "dit-run -m $undefined -p owl -o owl.png",
  ])
  func `a command that fails is noticed`(_ command: String) throws {
    let block = "```sh\nexport PATH=\"$PWD/.build/release:$PATH\"\n"
    #expect(try paste(commands(in: "\(block)\(command)\n```\n")).status != 0)
    #expect(try paste(commands(in: "\(block)fpq-show --help\n```\n\(command)\n")).status == 0)
  }

  @Test(arguments: ["README.md", "examples/evaluation/README.md"])
  func `every option that is named exists`(_ page: String) throws {
    let named = options(in: try text(page))
    #expect(named.count > 10)
    let subcommands = ["ls", "stats", "diff", "compare", "histogram", "sheet"]
    let helps = ReadmeTests.tools.map { [$0] } + subcommands.map { ["fpq-show", $0] }
    let existing = try helps.reduce(into: Set<String>()) { all, command in
      all.formUnion(
        options(in: try Shell.run(command[0], command.dropFirst() + ["--help"]).text))
    }
    #expect(named.subtracting(existing).isEmpty)
  }

  @Test func `the tables are those of the figures that were kept`() throws {
    let here = try TemporaryFolder()
    let files = FileManager.default
    let pages = ["README.md", "examples/evaluation/README.md"]
    try files.createDirectory(
      atPath: here.file("examples"), withIntermediateDirectories: false)
    for path in ["Makefile", "README.md", "examples/evaluation"] {
      try files.copyItem(atPath: "\(ReadmeTests.root)/\(path)", toPath: here.file(path))
    }
    // Emptied first, so that nothing that stands there now can stay.
    for page in pages {
      let emptied = try text(page).replacing(/(make -->\n)(\|.*\n)(?:.*\n)*?(<!-- end)/) {
        "\($0.1)\($0.3)"
      }
      #expect(emptied.utf8.count < (try text(page).utf8.count))
      try here.write(page, emptied.utf8)
    }
    let made = try Shell.script("make -s tables", in: here.path)
    #expect(made.status == 0, "\(made.error)")
    for page in pages {
      #expect(try contents(here.file(page)) == contents("\(ReadmeTests.root)/\(page)"))
    }
  }

  private func text(_ page: String) throws -> String {
    String(decoding: try contents("\(ReadmeTests.root)/\(page)"), as: UTF8.self)
  }

  /// The lines of all `sh` blocks of a page, without blank ones.
  private func commands(in page: String) -> [String] {
    var lines: [String] = []
    var isInside = false
    for line in page.split(separator: "\n") {
      if line.hasPrefix("```") {
        isInside = line == "```sh"
      } else if isInside {
        lines.append(String(line))
      }
    }
    return lines
  }

  private func options(in text: String) -> Set<String> {
    Set(text.matches(of: /--[a-z][a-z0-9-]*/).map { String($0.output) })
  }

  /// Runs `lines` by one shell, in a folder with `examples` and the tools where a build puts them.
  ///
  /// The shell stops at the first command that fails, in a pipe too, and says on stderr what it
  /// runs. Sampling is cut short: that the commands work is tested, not what they draw.
  private func paste(_ lines: [String]) throws -> Shell.Result {
    let here = try TemporaryFolder()
    let links = ["examples": "\(ReadmeTests.root)/examples", ".build/release": Shell.tools]
    try FileManager.default.createDirectory(
      atPath: here.file(".build"), withIntermediateDirectories: false)
    for (name, target) in links {
      try FileManager.default.createSymbolicLink(
        atPath: here.file(name), withDestinationPath: target)
    }
    // Of an option that is given twice the last counts; merging samples nothing, nor does a text
    // encoder.
    let short = """
      dit-run() { command dit-run "$@" --steps 2; }
      fpq-stats() {
        case "$*" in
          --merge*|*--data-free*) ;;
          *--part*) set -- "$@" --limit 2 ;;
          *) set -- "$@" --steps 1 --limit 2 ;;
        esac
        command fpq-stats "$@"
      }
      """
    return try Shell.run(
      "/bin/bash", ["-euxo", "pipefail", "-c", ([short] + lines).joined(separator: "\n")],
      environment: ["PATH": "/usr/bin:/bin"], folder: here.path)
  }
}

extension Substring {
  fileprivate var trimmed: String { trimmingCharacters(in: .whitespaces) }
}
