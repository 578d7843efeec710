import CKernels
import Foundation
import Formats
import Platform
import Tensors

/// Weights between their two neighbouring codes, for AdaRound (arXiv 2004.10568) and its scale-aware form (FP4DiT section 2).
///
/// w~ = clamp(base + h(V) s, low, high), base = floor(w / s) s on the signed value, s the step of w's binade,
/// h(V) = clip(1.2 sigmoid(V) - .1, 0, 1). The variable is V' = s V (scale-aware) or V; both round up where it is not negative. All arrays
/// are [rows][columns] of a chunk of rows.
package final class SoftRounding {
  package let scales: GroupScales
  package let isScaleAware: Bool
  /// The first row of the chunk in the layer.
  private let firstRow: Int
  package let base: Matrix
  package let step: Matrix
  package let variable: Matrix
  private let first: Matrix
  private let second: Matrix
  private var steps = 0

  /// Starts at w~ = w, clamped to what the scales can reach.
  package init(_ weight: Matrix, rows: Range<Int>, scales: GroupScales, isScaleAware: Bool) {
    self.scales = scales
    self.isScaleAware = isScaleAware
    firstRow = rows.lowerBound
    base = Matrix(rows: rows.count, columns: weight.columns)
    step = Matrix(rows: rows.count, columns: weight.columns)
    variable = Matrix(rows: rows.count, columns: weight.columns)
    first = Matrix(rows: rows.count, columns: weight.columns, zeroed: true)
    second = Matrix(rows: rows.count, columns: weight.columns, zeroed: true)
    for (index, row) in rows.enumerated() {
      for group in 0..<scales.groups {
        let scale = scales.scales[row * scales.groups + group]
        let (low, high) = scales.format.levels(zero: scales.zero(row: row, group: group))
        for k in scales.range(group) {
          let t = scale > 0 ? Double(weight.row(row)[k]) / scale : 0
          let clamped = min(max(t, Double(low)), Double(high))
          let unit = scale > 0 ? SoftRounding.step(at: clamped, scales.format) : 0
          let below = unit > 0 ? (clamped / unit).rounded(.down) : 0
          let fraction = unit > 0 ? clamped / unit - below : 0
          let v = -log(1.2 / (fraction + 0.1) - 1)
          base.row(index)[k] = Float(below * unit * scale)
          step.row(index)[k] = Float(unit * scale)
          variable.row(index)[k] = Float(isScaleAware ? v * unit * scale : v)
        }
      }
    }
  }

  /// The spacing of levels in the binade of level `t`.
  static func step(at t: Double, _ format: NumberFormat) -> Double {
    let magnitude = abs(t)
    guard format.spacing > 0, magnitude >= 1 else { return 1 }
    return max(1, magnitude.binade * Double(format.spacing))
  }

  /// Calls `body` with each group of the chunk, and where it starts in the arrays.
  private func forEachGroup(_ body: (fpq_soft_group, _ offset: Int, _ count: Int) -> Void) {
    for index in 0..<base.rows {
      let row = firstRow + index
      for group in 0..<scales.groups {
        let grid = scales.grid(
          scale: scales.scales[row * scales.groups + group],
          zero: scales.zero(row: row, group: group))
        let columns = scales.range(group)
        body(
          fpq_soft_group(
            low: grid.low * grid.scale, high: grid.high * grid.scale, scaled: isScaleAware ? 1 : 0),
          index * base.columns + columns.lowerBound, columns.count)
      }
    }
  }

  /// Writes w~ to `soft`.
  package func softWeights(to soft: Matrix) {
    forEachGroup { group, offset, count in
      fpq_soft_weights(
        count, group, variable.pointer + offset, base.pointer + offset, step.pointer + offset,
        soft.pointer + offset)
    }
  }

  /// Turns the gradient by w~ into the gradient by the variable.
  ///
  /// - Parameters:
  ///   - gradient: of the reconstruction loss by w~; replaced.
  ///   - weights: a factor of the loss for each row of the chunk.
  ///   - regulariser: weight of sum(1 - |2h - 1|^beta); 0 while it is off.
  ///   - beta: the sharpness of that sum.
  /// - Returns: that sum.
  @discardableResult
  package func turn(
    _ gradient: Matrix, weights: [Float], regulariser: Float, beta: Float
  ) -> Double {
    var sum = 0.0
    forEachGroup { group, offset, count in
      sum += Double(
        fpq_soft_gradient(
          count, group, weights[offset / base.columns], regulariser, beta,
          variable.pointer + offset, base.pointer + offset, step.pointer + offset,
          gradient.pointer + offset))
    }
    return sum
  }

  /// One step of Adam (betas .9 and .999, eps 1e-8) at `rate`.
  package func adamStep(_ gradient: Matrix, rate: Float) {
    steps += 1
    fpq_adam(
      base.count, rate, Float(1 - pow(0.9, Double(steps))),
      Float(1 - pow(0.999, Double(steps))), gradient.pointer, variable.pointer,
      first.pointer, second.pointer)
  }

  /// Writes the level of each weight, rounded up where the variable is not negative, to the chunk's rows of `levels`.
  package func harden(to levels: Matrix) {
    for index in 0..<base.rows {
      let row = firstRow + index
      for group in 0..<scales.groups {
        let scale = scales.scales[row * scales.groups + group]
        let (_, high) = scales.format.levels(zero: scales.zero(row: row, group: group))
        for k in scales.range(group) {
          var level = 0.0
          if scale > 0 {
            let isUp = variable.row(index)[k] >= 0
            let value = Double(base.row(index)[k]) + (isUp ? Double(step.row(index)[k]) : 0)
            level = min((value / scale).rounded(), Double(high))
          }
          levels.row(row)[k] = Float(level)
        }
      }
    }
  }
}
