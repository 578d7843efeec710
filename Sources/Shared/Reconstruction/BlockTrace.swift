import Formats
import Rounding

/// Makes the points of a block's trace: losses over a few of the training samples, in units of
/// nearest rounding's for the same scales.
struct BlockTrace {
  private let unit: BlockUnit
  private let samples: [Int]
  private let cost: Double

  /// Nil when nobody listens.
  init?(_ unit: BlockUnit, scales: [GroupScales], _ listener: RoundingTrace.Listener?) {
    guard listener != nil else { return nil }
    self.unit = unit
    samples = unit.split.spread(64)
    let nearest = zip(unit.linears, scales).map {
      Levels.nearest($0.task.problem.weight, scales: $1)
    }
    cost = unit.loss(of: nearest, over: samples)
  }

  /// Measures the point at `iteration` of `total`.
  ///
  /// - Parameters:
  ///   - iteration: how many iterations were done.
  ///   - total: how many will be.
  ///   - hard: what the weights would be rounded to now.
  ///   - setSoft: sets the unit's weights to those that are being learned.
  /// - Returns: the point; nil where the trace has none.
  func point(
    _ iteration: Int, of total: Int, hard: () -> [Levels], setSoft: () -> Void
  ) -> RoundingTrace.Point? {
    guard RoundingTrace.shows(iteration, of: total) else { return nil }
    let hardLoss = unit.loss(of: hard(), over: samples)
    setSoft()
    let softLoss = unit.loss(over: samples)
    let share = cost > 0 ? 1 / cost : 0
    return RoundingTrace.Point(iteration: iteration, soft: softLoss * share, hard: hardLoss * share)
  }
}
