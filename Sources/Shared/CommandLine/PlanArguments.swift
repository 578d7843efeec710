import ArgumentParser
import Platform

/// Saying what a run would take instead of doing it.
package struct PlanArguments: ParsableArguments {
  @Flag(
    help: """
      Do nothing but say what would be read, written and needed, and for how long; exit code 1 where it cannot \
      fit.
      """)
  package var plan = false

  package init() {}

  /// Refuses what can be told of `files` before the run; a plan itself goes to stdout.
  package func check(_ files: RunFiles) throws { try files.check(writesStdout: !plan) }

  /// Prints the plan that `make` makes, if there is to be one.
  ///
  /// - Returns: whether there was.
  /// - Throws: what `make` throws, and `Failure` for a run that cannot fit.
  package func printed(_ make: () throws -> RunPlan) throws -> Bool {
    guard plan else { return false }
    Memory.watch()
    let plan = try make()
    try Console.output(plan.text)
    try plan.check()
    return true
  }
}
