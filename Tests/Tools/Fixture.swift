import Foundation
import TestSupport

/// Files of one short run of the pipeline on the example model, made once and shared by the tests.
struct Fixture {
  let folder: TemporaryFolder
  let prompts: String
  let stats: String
  let codes: String
  let packed: String

  static let model = References.exampleModel
  /// Few steps and prompts: what the tests look at does not depend on how much was sampled.
  static let sampling = ["--steps", "3", "--seed", "5"]

  /// Swift makes a static once, whichever test comes first; a failure is thrown in each.
  private static let made = Result { try Fixture() }
  static func shared() throws -> Fixture { try made.get() }

  private init() throws {
    folder = try TemporaryFolder()
    prompts = try folder.write("prompts.txt", "red apple\nfrog\nblack heart\nwolf\n".utf8)
    stats = folder.file("stats.safetensors")
    codes = folder.file("codes.safetensors")
    packed = folder.file("packed.safetensors")
    try run("fpq-stats", ["-m", Fixture.model, "-f", prompts, "-o", stats] + Fixture.sampling)
    try run("fpq-round", ["-i", stats, "-o", codes])
    try run("fpq-pack", ["-i", codes, "-o", packed])
  }

  /// Puts its files into `here` as `st`, `codes` and `p`, in the way that `put` does for one.
  func put(into here: TemporaryFolder, by put: (_ path: String, _ target: String) throws -> Void)
    throws
  {
    for (name, path) in [("st", stats), ("codes", codes), ("p", prompts)] {
      try put(path, here.file(name))
    }
  }

  private func run(_ tool: String, _ arguments: [String]) throws {
    let result = try Shell.run(tool, arguments)
    guard result.status == 0 else { throw ToolFailed(tool: tool, message: result.error) }
  }
}

struct ToolFailed: Error {
  let tool: String
  let message: String
}

/// Everything a test wants of a refusal: exit 1, nothing on stdout, one line that starts with the
/// tool's name.
func isOneLine(_ result: Shell.Result, from tool: String, saying parts: String...) -> Bool {
  let lines = result.error.split(separator: "\n", omittingEmptySubsequences: false)
  return result.status == 1 && result.output.isEmpty && lines.count == 2 && lines[1].isEmpty
    && lines[0].hasPrefix("\(tool): ") && parts.allSatisfy { lines[0].contains($0) }
}

func contents(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }
