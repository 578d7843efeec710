import Platform
import Testing

/// What a run needs against what there is.
struct RunPlanTests {
  private let plan: RunPlan = {
    var plan = RunPlan()
    plan.reads("model", bytes: 2_443_492_488, "F32")
    plan.writes("out/stats", bytes: 3_000_000_000, "")
    plan.writes("-", bytes: 9_000_000_000, "")
    plan.holds(3_000_000_000)
    plan.takes("128 x 20 steps", 28, times: 2560)
    return plan
  }()

  @Test func `what fits passes`() throws {
    try plan.check(available: 3_000_000_000) { _ in 3_000_000_000 }
    // Where the system does not say, nothing is refused.
    try plan.check(available: nil) { _ in nil }
  }

  @Test func `what does not fit is named`() {
    #expect(
      throws: Failure("memory", "expected 3.00 GB for this run, found 2.90 GB available")
    ) { try plan.check(available: 2_900_000_000) { _ in nil } }
    #expect(
      throws: Failure("out/stats", "expected room for 3.00 GB on its disk, found 1.00 MB")
    ) {
      try plan.check(available: nil) { path in
        #expect(path == "out/stats")
        return 1_000_000
      }
    }
  }

  @Test func `figures stand below each other`() {
    let lines = plan.text.split(separator: "\n").map { $0.replacing(/\ {2,}/, with: "|") }
    #expect(lines[0] == "reads|2.44 GB|model|F32")
    #expect(lines[1] == "writes|3.00 GB|out/stats")
    #expect(lines[3].hasPrefix("memory|") && lines[3].contains(" available"))
    #expect(lines.last == "time|19:54:40|128 x 20 steps")
  }
}
