import Foundation
import Formats
import Kernels
import Platform
import Tensors

/// AdaRound on the Gram matrix: minimises (w~ - w)' H (w~ - w) + regulariser per row by Adam, then hardens.
///
/// The same expectation as on inputs, without them: the gradient by w~ is one dense product (W~ - W) H an iteration.
/// FP4DiT's schedule: no regulariser for the first fifth, then beta from 20 to 2 in a line. Rows are independent, so each chunk of rows runs all
/// its iterations by itself.
package struct AdaRound {
  let weight: Matrix
  let objective: SiteObjective
  let options: AdaRoundOptions

  func run(scales: GroupScales) -> Levels {
    var best = Levels.nearest(weight, scales: scales)
    let losses = objective.losses(of: best.residual(from: weight))
    // Nearest rounding costs 1 a weight; a row that it represents exactly has nothing to learn.
    let rowWeights = losses.map { $0 > 0 ? Float(Double(weight.columns) / $0) : 0 }
    let rate =
      options.learningRate * (options.scaleAware ? medianStep(scales) : 1)
    let levels = Matrix(rows: weight.rows, columns: weight.columns)
    Parallel.chunks(of: weight.rows, size: 192) { range in
      learn(
        range, scales: scales, weights: Array(rowWeights[range]), rate: Float(rate), into: levels)
    }
    // A row whose learning ended above nearest rounding keeps that.
    let learned = Levels(scales: scales, matrix: levels)
    let after = objective.losses(of: learned.residual(from: weight))
    for row in 0..<weight.rows where after[row] < losses[row] { best.takeRow(row, from: learned) }
    return best
  }

  private func learn(
    _ rows: Range<Int>, scales: GroupScales, weights: [Float], rate: Float, into levels: Matrix
  ) {
    let (columns, hessian) = (weight.columns, objective.hessian)
    let soft = SoftRounding(weight, rows: rows, scales: scales, isScaleAware: options.scaleAware)
    let residual = Matrix(rows: rows.count, columns: columns)
    let gradient = Matrix(rows: rows.count, columns: columns)
    let target = weight.row(rows.lowerBound)
    // d/dw~ of e' H e is 2 e H.
    let doubled = weights.map { 2 * $0 }
    for iteration in 0..<options.iterations {
      soft.softWeights(to: residual)
      for k in 0..<residual.count { residual.pointer[k] -= target[k] }
      multiply(
        transposeB: true, rows: rows.count, columns: columns, depth: columns, residual.pointer,
        columns, hessian.pointer, columns, add: false, gradient.pointer, columns)
      let beta = AdaRound.beta(iteration, of: options.iterations)
      soft.turn(
        gradient, weights: doubled, regulariser: beta == nil ? 0 : Float(options.regulariser),
        beta: Float(beta ?? 2))
      soft.adamStep(gradient, rate: rate)
    }
    soft.harden(to: levels)
  }

  /// The regulariser's exponent, from 20 down to 2 in a line; nil in the first fifth of the iterations, where it is off.
  package static func beta(_ iteration: Int, of total: Int) -> Double? {
    let start = 0.2 * Double(total)
    guard Double(iteration) >= start else { return nil }
    return 2 + 18 * (1 - (Double(iteration) - start) / (0.8 * Double(total)))
  }

  /// The median step of the layer's weights, of at most 65536 of them evenly spread.
  private func medianStep(_ scales: GroupScales) -> Double {
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
