import Formats
import Foundation
import Platform
import Rounding

/// A block's layers after rounding, and what the block loses by it.
package struct RoundedBlock: Sendable {
  /// The mean squared difference of the block's output from the float block's.
  package struct Loss: Sendable {
    /// On the samples that were learned from, and on those that were held back.
    package let training: Double
    package let heldBack: Double
  }

  /// In the order of the unit's linears.
  package let layers: [RoundedLayer]
  /// Rounded to nearest with absmax scales.
  package let nearest: Loss
  /// Where the method started: nearest on its own scales (adaround), descent of each layer by
  /// itself (descent).
  package let before: Loss
  package let after: Loss

  /// One line: the losses, in decibels below the start too.
  package var summary: String {
    func losses(_ part: (Loss) -> Double) -> String {
      let values = [nearest, before, after].map(part)
      let gain = values[2] > 0 && values[1] > 0 ? 10 * log10(values[1] / values[2]) : 0
      return String(
        format: "%.4g nearest, %.4g before, %.4g after (%.2f dB)", values[0], values[1], values[2],
        gain)
    }
    return "block loss \(losses(\.training)); held back \(losses(\.heldBack))"
  }
}

/// Chooses the levels of all linears of a block together, by the method of their options: adaround
/// or descent.
///
/// The same unit and options give the same bytes for any number of threads.
///
/// - Parameters:
///   - unit: the block; it is left with the weights that were chosen.
///   - options: batches and tuning.
///   - listener: hears how the losses fall.
///   - didIterate: called after each iteration.
/// - Returns: the layers and the losses.
/// - Throws: `Failure` for a weight that is not finite or does not fit its statistics.
package func round(
  _ unit: BlockUnit, options: ReconstructionOptions, listener: RoundingTrace.Listener? = nil,
  didIterate: () -> Void = {}
) throws -> RoundedBlock {
  let start = Date()
  let tasks = unit.linears.map(\.task)
  guard let first = tasks.first else { preconditionFailure("\(unit.name) has no layer to round") }
  func loss(_ levels: [Levels]) -> RoundedBlock.Loss {
    unit.set(levels)
    return unit.loss()
  }
  func nearest(_ search: (RoundingOptions) -> ScaleSearch) throws -> [Levels] {
    try tasks.map { task in
      try task.problem.check(task.options)
      let scales = try task.problem.scales(
        search(task.options), for: task.options.method, task.options)
      return task.problem.nearest(scales, task.options)
    }
  }
  let baseline = loss(try nearest { _ in .absmax })
  let before: RoundedBlock.Loss
  let chosen: [(choice: LevelChoice, shift: [Float]?)]
  if first.options.method == .adaround {
    let start = try nearest(\.scaleSearch)
    before = loss(start)
    chosen = try BlockAdaRound(
      unit: unit, options: first.options.adaRound, batchSize: options.batchSize,
      listener: listener
    ).run(from: start, didIterate: didIterate).map { (LevelChoice($0), nil) }
  } else {
    let start = try tasks.map { try $0.problem.choose($0.options) }
    before = loss(start.map(\.levels))
    chosen = try BlockTuning(
      unit: unit, options: options.tuning, batchSize: options.batchSize, listener: listener
    ).run(from: start, didIterate: didIterate).map { ($0.choice, $0.shift) }
  }
  let layers = try zip(tasks, chosen).map { task, result in
    try task.problem.rounded(
      to: result.choice, shift: result.shift, options: task.options, start: start)
  }
  return RoundedBlock(
    layers: layers, nearest: baseline, before: before, after: unit.loss(of: layers))
}
