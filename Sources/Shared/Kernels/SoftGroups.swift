import CKernels
import Formats
import Tensors

/// The groups of weights of some rows that AdaRound (arXiv 2004.10568) rounds up or down, on the
/// calling thread.
///
/// A soft weight is clamp(base + h(V) step, low, high) with h(V) = clip(1.2 sigmoid(V) - .1, 0, 1);
/// the variable is V, or V' = step * V. Matrices are [rows][columns].
package struct SoftGroups {
  /// [rows][groups].
  private let groups: [fpq_soft_group]
  private let columns: Int
  private let groupSize: Int

  /// - Parameters:
  ///   - bounds: the least and the largest value of each group, [rows][groups].
  ///   - columns: of the weight.
  ///   - groupSize: columns of a group; the last may be shorter.
  ///   - isScaled: the variable is V' = step * V.
  package init(bounds: [ClosedRange<Float>], columns: Int, groupSize: Int, isScaled: Bool) {
    groups = bounds.map {
      fpq_soft_group(low: $0.lowerBound, high: $0.upperBound, scaled: isScaled ? 1 : 0)
    }
    (self.columns, self.groupSize) = (columns, groupSize)
  }

  /// Writes the soft weights.
  package func softWeights(
    variable: Matrix, base: Matrix, step: Matrix, into soft: MatrixBlock<Matrix>
  ) {
    check(variable, base, step, soft)
    withExtendedLifetime((variable, base, step, soft)) {
      forEach { group, row, column, count in
        fpq_soft_weights(
          count, group, variable.row(row) + column, base.row(row) + column,
          step.row(row) + column, soft.row(row) + column)
      }
    }
  }

  /// Turns the gradient of a loss by the soft weights into the one by the variable.
  ///
  /// The latter is of weight * loss + regulariser * r, r the sum of 1 - |2h - 1|^beta.
  ///
  /// - Parameters:
  ///   - gradient: by the soft weights; replaced.
  ///   - weights: of the loss, for each row.
  ///   - regulariser: the weight of r.
  ///   - beta: the sharpness of r.
  ///   - variable: V or V'.
  ///   - base: the value that a weight is rounded down to.
  ///   - step: from there to the value that it is rounded up to.
  /// - Returns: r: in f32 over a group, in f64 over groups.
  package func turn(
    _ gradient: MatrixBlock<Matrix>, weights: [Float], regulariser: Float, beta: Float,
    variable: Matrix, base: Matrix, step: Matrix
  ) -> Double {
    check(variable, base, step, gradient)
    precondition(weights.count == variable.rows, "a weight of the loss for each row")
    var sum = 0.0
    withExtendedLifetime((variable, base, step, gradient)) {
      forEach { group, row, column, count in
        sum += Double(
          fpq_soft_gradient(
            count, group, weights[row], regulariser, beta, variable.row(row) + column,
            base.row(row) + column, step.row(row) + column, gradient.row(row) + column))
      }
    }
    return sum
  }

  /// Calls `body` with each group, and where its weights lie.
  private func forEach(
    _ body: (fpq_soft_group, _ row: Int, _ column: Int, _ count: Int) -> Void
  ) {
    let perRow = (columns + groupSize - 1) / groupSize
    for (index, group) in groups.enumerated() {
      let column = index % perRow * groupSize
      body(group, index / perRow, column, min(groupSize, columns - column))
    }
  }

  private func check(
    _ variable: Matrix, _ base: Matrix, _ step: Matrix, _ block: MatrixBlock<Matrix>
  ) {
    let perRow = (columns + groupSize - 1) / groupSize
    precondition(
      variable.columns == columns && variable.rows * perRow == groups.count
        && base.hasShape(of: variable) && step.hasShape(of: variable)
        && block.rows.count == variable.rows && block.columns.count == columns,
      "matrices of different shapes")
  }
}
