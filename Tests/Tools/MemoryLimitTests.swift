import Foundation
import TestSupport
import Testing

/// Where the system gives no more memory, a tool ends with one line and exit code 1, and leaves
/// nothing behind.
struct MemoryLimitTests {
  let fixture: Fixture
  let here: TemporaryFolder

  init() throws {
    fixture = try Fixture.shared()
    here = try TemporaryFolder()
  }

  /// `command` with so many kilobytes of address space.
  private func run(_ command: String, limit: Int) throws -> Shell.Result {
    try Shell.script(
      "ulimit -c 0; ulimit -v \(limit); exec timeout 120 \(command)", in: here.path)
  }

  @Test(arguments: ["dit-run", "fpq-stats", "fpq-round", "fpq-pack"])
  func `limits at which a tool can start`(_ tool: String) throws {
    let command = [
      "dit-run": "dit-run -m '\(Fixture.model)' -p owl -W 512 -H 512 --steps 1 -o o.png",
      "fpq-stats": "fpq-stats -m '\(Fixture.model)' -f '\(fixture.prompts)' --steps 1 -o out",
      "fpq-round": "fpq-round -i '\(fixture.stats)' --method gptq -o out",
      "fpq-pack": "fpq-pack -i '\(fixture.codes)' -o out",
    ][tool]!
    var refusals = 0
    for limit in [230_000, 300_000, 380_000, 500_000, 800_000] {
      let result = try run(command, limit: limit)
      if result.status == 0 {
        try here.contents.forEach { try FileManager.default.removeItem(atPath: here.file($0)) }
        continue
      }
      refusals += 1
      #expect(isOneLine(result, from: tool), "\(limit): \(result.status) \(result.error)")
      #expect(try here.contents.isEmpty, "\(limit)")
    }
    // What fpq-pack needs is less than any tool takes to start.
    #expect(refusals > 0 || tool == "fpq-pack")
  }

  @Test func `what is asked for at once`() throws {
    let png = here.file("a.png")
    let drawn = try Shell.run(
      "dit-run", ["-m", Fixture.model, "-p", "owl", "--steps", "1", "-o", png])
    #expect(drawn.status == 0)
    let result = try run(
      "fpq-show sheet a.png a.png --scale 16 --columns 1 -o s.png", limit: 200_000)
    #expect(
      result.status == 0 || isOneLine(result, from: "fpq-show", saying: "not enough memory"),
      "\(result.error)")
  }
}
