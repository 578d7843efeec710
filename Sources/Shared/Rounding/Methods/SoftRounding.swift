import Foundation
import Formats
import Kernels
import Platform
import Tensors

/// Weights between their two neighbouring codes, for AdaRound (arXiv 2004.10568) and its
/// scale-aware form (FP4DiT).
///
/// w~ = clamp(base + h(V) s, low, high), base = floor(w / s) s on the signed value, s the step of
/// w's binade, h(V) = clip(1.2 sigmoid(V) - .1, 0, 1). The variable is V' = s V (scale-aware) or V;
/// both round up where it is not negative. All arrays are [rows][columns] of a chunk of rows.
package final class SoftRounding {
  package let scales: GroupScales
  package let isScaleAware: Bool
  /// The first row of the chunk in the layer.
  private let firstRow: Int
  package let base: Matrix
  package let step: Matrix
  package let variable: Matrix
  private let groups: SoftGroups
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
    let bounds = rows.flatMap { row in
      (0..<scales.groups).map { SoftRounding.bounds(scales[row: row, group: $0], scales.format) }
    }
    groups = SoftGroups(
      bounds: bounds, columns: weight.columns, groupSize: scales.groupSize, isScaled: isScaleAware)
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

  /// The value at or below the weight `w`, and how far it is to the next one above; of the last
  /// value, from the one before.
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

  /// The least and the largest value of a group.
  private static func bounds(
    _ group: GroupScales.Group, _ format: NumberFormat
  ) -> ClosedRange<Float> {
    let table = format.levels(zero: group.zero)
    let ends = [group.value(table.low), group.value(table.high)]
    return Float(min(ends[0], ends[1]))...Float(max(ends[0], ends[1]))
  }

  /// Writes w~ to `soft` [rows][columns].
  package func softWeights(to soft: MatrixBlock<Matrix>) {
    groups.softWeights(variable: variable, base: base, step: step, into: soft)
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
    _ gradient: MatrixBlock<Matrix>, weights: [Float], regulariser: Float, beta: Float
  ) -> Double {
    groups.turn(
      gradient, weights: weights, regulariser: regulariser, beta: beta, variable: variable,
      base: base, step: step)
  }

  /// One step of Adam at `rate`, for the gradient [rows][columns] by the variable.
  package func adamStep(_ gradient: MatrixBlock<Matrix>, rate: Float) {
    adam.step(variable, gradient, rate: rate)
  }

  /// Writes the level of each weight, rounded up where the variable is not negative, to the chunk's
  /// rows of `levels`.
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
