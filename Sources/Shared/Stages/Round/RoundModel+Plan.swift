import Platform
import Reconstruction
import Streams
import Tensors

extension RoundModel {
  /// What the run will read, write and take: the layers of one site of each kind are rounded.
  ///
  /// - Throws: `Failure` for what the run itself would refuse when it opens its inputs, and for blocks
  ///   and sequences of layers, which learn on inputs that are not there yet.
  package mutating func plan() throws -> RunPlan {
    let tasks = try open().tasks
    guard settings.reconstruction == nil else {
      throw Failure(
        "--plan",
        "expected layers that are rounded by themselves, found --inputs quantized or "
          + "--objective block")
    }
    var plan = try certain(tasks)
    // Sites of blocks that are alike take the same time.
    let kinds = Dictionary(grouping: tasks.statistics.sites) { site in
      tasks.statistics.roles.readers(of: site).filter { tasks.chosen.contains($0.name) }
        .map(\.pattern).joined(separator: ", ")
    }.filter { !$0.key.isEmpty }
    let progress = Progress("planning", total: kinds.count, unit: "kinds of layers")
    for (kind, sites) in kinds.sorted(by: { $0.key < $1.key }) {
      let seconds = try timed {
        for task in try tasks.tasks(of: sites[0], chosen: tasks.chosen) {
          _ = try finish(task, of: tasks, trace: nil)
        }
      }
      plan.takes("\(sites.count) x \(kind)", seconds, times: sites.count)
      progress.advance()
    }
    progress.finish()
    return plan
  }

  /// What is certain of the run of `tasks`.
  func certain(_ tasks: RoundingTasks) throws -> RunPlan {
    var plan = RunPlan()
    for file in [statistics, heldOut].compactMap(\.self) {
      plan.reads(file, bytes: fileSize(file), "")
    }
    let weights = tasks.weights
    plan.reads(weights.path, bytes: fileSize(weights.path), "")
    // A byte each, and their scales.
    let codes = try tasks.chosen.reduce(0) { try $0 + weights.tensor("\($1).weight").count }
    plan.writes(output, bytes: codes, "and scales")
    if resumes { plan.writes("\(output).resume", bytes: codes, "while running") }
    // Kept layers are mapped.
    if !resumes { plan.holds(codes) }
    return plan
  }
}
