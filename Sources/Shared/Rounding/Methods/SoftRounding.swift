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
  private let adam: Adam

  /// Starts at w~ = w, clamped to what the scales can reach.
  package init(_ weight: Matrix, rows: Range<Int>, scales: GroupScales, isScaleAware: Bool) {
    self.scales = scales
    self.isScaleAware = isScaleAware
    firstRow = rows.lowerBound
    base = Matrix(rows: rows.count, columns: weight.columns)
    step = Matrix(rows: rows.count, columns: weight.columns)
    variable = Matrix(rows: rows.count, columns: weight.columns)
    adam = Adam(count: variable.count)
    for (index, row) in rows.enumerated() {
      for number in 0..<scales.groups {
        let group = scales[row: row, group: number]
        let table = scales.format.levels(zero: group.zero)
        for k in scales.range(number) {
          let w = Double(weight.row(row)[k])
          let (below, gap) = SoftRounding.neighbours(of: w, group, table)
          // A weight beyond the last value has no way up.
          let between = gap > 0 ? (w - below) / gap : 0
          let fraction = between > 0 && between < 1 ? between : 0
          let v = -log(1.2 / (fraction + 0.1) - 1)
          base.row(index)[k] = Float(below)
          step.row(index)[k] = Float(gap)
          variable.row(index)[k] = Float(isScaleAware ? v * gap : v)
        }
      }
    }
  }

  /// The value at or below the weight `w`, and how far it is to the next one above; of the last value, from the one before.
  static func neighbours(
    of w: Double, _ group: GroupScales.Group, _ table: LevelTable
  ) -> (base: Double, step: Double) {
    let own = w < 0 ? group.negativeScale : group.scale
    guard own != 0 else { return (0, 0) }
    let nearest = table.index(nearest: w / own)
    // A negative scale turns the levels around.
    let up = own < 0 ? -1 : 1
    func value(_ index: Int) -> Double? {
      table.levels.indices.contains(index) ? group.value(table.levels[index]) : nil
    }
    let at = group.value(table.levels[nearest])
    if at > w, let below = value(nearest - up) { return (below, at - below) }
    if let above = value(nearest + up) { return (at, above - at) }
    return (at, value(nearest - up).map { at - $0 } ?? 0)
  }

  /// Calls `body` with each group of the chunk, and where it starts in the arrays.
  private func forEachGroup(_ body: (fpq_soft_group, _ offset: Int, _ count: Int) -> Void) {
    for index in 0..<base.rows {
      let row = firstRow + index
      for number in 0..<scales.groups {
        let group = scales[row: row, group: number]
        let table = scales.format.levels(zero: group.zero)
        let ends = [group.value(table.low), group.value(table.high)]
        let columns = scales.range(number)
        body(
          fpq_soft_group(
            low: Float(min(ends[0], ends[1])), high: Float(max(ends[0], ends[1])),
            scaled: isScaleAware ? 1 : 0),
          index * base.columns + columns.lowerBound, columns.count)
      }
    }
  }

  /// Writes w~ to `soft` [rows][columns].
  package func softWeights(to soft: UnsafeMutablePointer<Float>) {
    forEachGroup { group, offset, count in
      fpq_soft_weights(
        count, group, variable.pointer + offset, base.pointer + offset, step.pointer + offset,
        soft + offset)
    }
  }

  /// Turns the gradient by w~ into the gradient by the variable.
  ///
  /// - Parameters:
  ///   - gradient: of the reconstruction loss by w~, [rows][columns]; replaced.
  ///   - weights: a factor of the loss for each row of the chunk.
  ///   - regulariser: weight of sum(1 - |2h - 1|^beta); 0 while it is off.
  ///   - beta: the sharpness of that sum.
  /// - Returns: that sum.
  @discardableResult
  package func turn(
    _ gradient: UnsafeMutablePointer<Float>, weights: [Float], regulariser: Float, beta: Float
  ) -> Double {
    var sum = 0.0
    forEachGroup { group, offset, count in
      sum += Double(
        fpq_soft_gradient(
          count, group, weights[offset / base.columns], regulariser, beta,
          variable.pointer + offset, base.pointer + offset, step.pointer + offset,
          gradient + offset))
    }
    return sum
  }

  /// One step of Adam at `rate`, for the gradient [rows][columns] by the variable.
  package func adamStep(_ gradient: UnsafePointer<Float>, rate: Float) {
    adam.step(variable.pointer, gradient, rate: rate)
  }

  /// Writes the level of each weight, rounded up where the variable is not negative, to the chunk's rows of `levels`.
  package func harden(to levels: Matrix) {
    for index in 0..<base.rows {
      let row = firstRow + index
      for number in 0..<scales.groups {
        let group = scales[row: row, group: number]
        let table = scales.format.levels(zero: group.zero)
        for k in scales.range(number) {
          let isUp = variable.row(index)[k] >= 0
          let value = Double(base.row(index)[k]) + (isUp ? Double(step.row(index)[k]) : 0)
          levels.row(row)[k] = Float(group.level(nearest: value, table))
        }
      }
    }
  }
}
