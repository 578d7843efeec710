import Foundation
import Formats
import Kernels
import Platform
import Tensors

/// AdaRound on the Gram matrix: minimises (w~ - w)' H (w~ - w) + regulariser per row by Adam, then
/// hardens.
///
/// The same expectation as on inputs, without them: the gradient by w~ is one dense product
/// (W~ - W) H an iteration. FP4DiT's schedule: no regulariser for the first fifth, then beta from
/// 20 to 2 in a line. Rows are independent, so each chunk of rows runs all its iterations by
/// itself.
package struct AdaRound {
  let weight: Matrix
  let objective: SiteObjective
  let options: AdaRoundOptions
  /// Hears how the layer's losses fall, if anyone wants to know.
  var trace: RoundingTrace.Listener?

  private static let rowChunk = 192

  /// - Returns: the levels, and the loss of each row [outputs].
  func run(scales: GroupScales) -> (levels: Levels, rowLosses: [Double]) {
    var best = Levels.nearest(weight, scales: scales)
    var losses = objective.losses(of: best.residual(from: weight))
    // Nearest rounding costs 1 a weight; a row that it represents exactly has nothing to learn.
    let rowWeights = losses.map { $0 > 0 ? Float(Double(weight.columns) / $0) : 0 }
    let rate = Float(options.rate(for: weight, scales: scales))
    let levels = Matrix(rows: weight.rows, columns: weight.columns)
    let chunks = (weight.rows + AdaRound.rowChunk - 1) / AdaRound.rowChunk
    var traced = [[RoundingTrace.Point]](repeating: [], count: chunks)
    traced.withUnsafeMutableBufferPointer { traced in
      nonisolated(unsafe) let traced = traced
      Parallel.chunks(of: weight.rows, size: AdaRound.rowChunk) { range in
        traced[range.lowerBound / AdaRound.rowChunk] = learn(
          range, scales: scales, weights: Array(rowWeights[range]), rate: rate, into: levels)
      }
    }
    if let trace { AdaRound.sum(traced, nearest: losses.reduce(0, +)).forEach(trace) }
    // A row whose learning ended above nearest rounding keeps that.
    let learned = Levels(scales: scales, matrix: levels)
    let after = objective.losses(of: learned.residual(from: weight))
    for row in 0..<weight.rows where after[row] < losses[row] {
      best.takeRow(row, from: learned)
      losses[row] = after[row]
    }
    return (best, losses)
  }

  /// Returns the chunk's sums at the iterations that a trace shows.
  private func learn(
    _ rows: Range<Int>, scales: GroupScales, weights: [Float], rate: Float, into levels: Matrix
  ) -> [RoundingTrace.Point] {
    let (columns, hessian) = (weight.columns, objective.hessian)
    let soft = SoftRounding(weight, rows: rows, scales: scales, isScaleAware: options.scaleAware)
    let residual = Matrix(rows: rows.count, columns: columns)
    let gradient = Matrix(rows: rows.count, columns: columns)
    let target = weight.row(rows.lowerBound)
    // d/dw~ of e' H e is 2 e H.
    let doubled = weights.map { 2 * $0 }
    var points: [RoundingTrace.Point] = []
    /// The chunk's loss for the weights in `residual`, which become their distance from the float
    /// weights.
    func loss() -> Double {
      differentiate()
      return rowDots(residual, gradient).reduce(0, +)
    }
    func differentiate() {
      for k in 0..<residual.count { residual.pointer[k] -= target[k] }
      multiply(transposeB: true, residual.block(), hessian.block(), into: gradient.block())
    }
    func record(_ iteration: Int) {
      soft.softWeights(to: residual.block())
      let softLoss = loss()
      soft.harden(to: levels)
      Levels(scales: scales, matrix: levels).copyValues(rows, to: residual.pointer)
      points.append(RoundingTrace.Point(iteration: iteration, soft: softLoss, hard: loss()))
    }
    for iteration in 0..<options.iterations {
      let isTraced = trace != nil && RoundingTrace.shows(iteration, of: options.iterations)
      if isTraced { record(iteration) }
      soft.softWeights(to: residual.block())
      differentiate()
      let beta = AdaRound.beta(iteration, of: options.iterations)
      let sum = soft.turn(
        gradient.block(), weights: doubled,
        regulariser: beta == nil ? 0 : Float(options.regulariser), beta: Float(beta ?? 2))
      if isTraced, beta != nil {
        points[points.count - 1].regulariser = sum / Double(weight.count)
        points[points.count - 1].beta = beta
      }
      soft.adamStep(gradient.block(), rate: rate)
    }
    if trace != nil { record(options.iterations) }
    soft.harden(to: levels)
    return points
  }

  /// The layer's points from those of its chunks, losses in units of nearest rounding's.
  private static func sum(
    _ chunks: [[RoundingTrace.Point]], nearest: Double
  ) -> [RoundingTrace.Point] {
    guard var points = chunks.first else { return [] }
    let unit = nearest > 0 ? 1 / nearest : 0
    for index in points.indices {
      let parts = chunks.map { $0[index] }
      points[index].soft = parts.reduce(0) { $0 + $1.soft } * unit
      points[index].hard = parts.reduce(0) { $0 + $1.hard } * unit
      if points[index].regulariser != nil {
        points[index].regulariser = parts.reduce(0) { $0 + ($1.regulariser ?? 0) }
      }
    }
    return points
  }

  /// The regulariser's exponent, from 20 down to 2 in a line; nil in the first fifth of the
  /// iterations, where it is off.
  package static func beta(_ iteration: Int, of total: Int) -> Double? {
    let start = 0.2 * Double(total)
    guard Double(iteration) >= start else { return nil }
    return 2 + 18 * (1 - (Double(iteration) - start) / (0.8 * Double(total)))
  }
}

extension AdaRoundOptions {
  /// The rate of the variables of a layer: that of V, or of V' = s V for the layer's median step s.
  package func rate(for weight: Matrix, scales: GroupScales) -> Double {
    learningRate * (scaleAware ? SoftRounding.medianStep(of: weight, scales: scales) : 1)
  }
}

extension SoftRounding {
  /// The median step of a layer's weights [rows][columns], of at most 65536 of them evenly spread.
  static func medianStep(of weight: Matrix, scales: GroupScales) -> Double {
    let stride = max(1, weight.count / 65536)
    var steps: [Double] = []
    for index in Swift.stride(from: 0, to: weight.count, by: stride) {
      let (row, k) = (index / weight.columns, index % weight.columns)
      let group = scales[row: row, group: k / scales.groupSize]
      let step = SoftRounding.neighbours(
        of: Double(weight.row(row)[k]), group, scales.format.levels(zero: group.zero)
      ).step
      if step > 0 { steps.append(step) }
    }
    steps.sort()
    return steps.isEmpty ? 1 : steps[steps.count / 2]
  }
}
