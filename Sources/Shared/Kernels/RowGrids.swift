import CKernels
import Formats
import Tensors

/// The values that the weights of some rows can take, and the methods that choose them one column
/// after the other.
///
/// Columns are in the order in which they are rounded. A method is run on one block of them at a
/// time, on the calling thread; what a block means for the columns after it is a dense product and
/// the caller's to do.
package struct RowGrids {
  /// [rows][groups].
  private let grids: [fpq_grid]
  private let groups: Int
  /// The group of each column.
  private let groupOfColumn: [UInt32]
  /// What holds the levels that `grids` point to.
  private let format: NumberFormat

  /// - Parameters:
  ///   - groups: [rows][groups], of a format of at most 64 levels.
  ///   - rows: how many rows.
  ///   - format: of the levels.
  ///   - groupOfColumn: the group of each column.
  package init(
    _ groups: [GroupScales.Group], rows: Int, format: NumberFormat, groupOfColumn: [Int]
  ) {
    precondition(rows > 0 && groups.count % rows == 0, "\(groups.count) groups in \(rows) rows")
    grids = groups.map { fpq_grid($0, format.levels(zero: $0.zero)) }
    self.groups = groups.count / rows
    self.groupOfColumn = groupOfColumn.map { UInt32($0) }
    self.format = format
  }

  /// Error feedback along a block of columns: level k is the one nearest to target k, residual k =
  /// w k - its value, and then target j += residual k * factor [k][j] for j > k.
  ///
  /// - Parameters:
  ///   - weight: W, the block's columns [rows][block].
  ///   - target: W with the errors of the columns before, [rows][block]; takes up those of the
  ///     block.
  ///   - factor: unit upper triangular, [block][block].
  ///   - levels: what is chosen, [rows][block]; its columns are the ones that the grids go by.
  ///   - residual: what is left, [rows][block].
  package func feedBack(
    _ weight: MatrixBlock<Matrix>, target: MatrixBlock<Matrix>, factor: MatrixBlock<Matrix>,
    levels: MatrixBlock<Matrix>, residual: MatrixBlock<Matrix>
  ) {
    check(levels, square: factor, weight, target, residual)
    withExtendedLifetime((self, weight, target, factor, levels, residual)) {
      forEachRow(levels) { row, grids, group in
        fpq_feedback_row(
          levels.columns.count, grids, group, factor.row(0), factor.stride, weight.row(row),
          target.row(row), levels.row(row), residual.row(row))
      }
    }
  }

  /// One sweep of coordinate descent over a block of columns: each level moves to the one nearest
  /// to the minimum along its axis where that changes the row's loss (V - W) H (V - W)' by less
  /// than its bar.
  ///
  /// - Parameters:
  ///   - levels: [rows][block]; its columns are the ones that the grids go by.
  ///   - gradient: (V - W) H [rows][block], kept up to date within the block.
  ///   - hessian: H [block][block].
  ///   - bars: of each row, at most 0.
  ///   - change: what was added to each value, [rows][block].
  /// - Returns: how many levels changed.
  package func descend(
    levels: MatrixBlock<Matrix>, gradient: MatrixBlock<Matrix>, hessian: MatrixBlock<Matrix>,
    bars: [Float], change: MatrixBlock<Matrix>
  ) -> Int {
    check(levels, square: hessian, gradient, change)
    precondition(bars.count == levels.rows.count, "a bar for each row")
    var changed = 0
    withExtendedLifetime((self, levels, gradient, hessian, change)) {
      forEachRow(levels) { row, grids, group in
        changed += fpq_descend_row(
          levels.columns.count, grids, group, hessian.row(0), hessian.stride, bars[row],
          levels.row(row), gradient.row(row), change.row(row))
      }
    }
    return changed
  }

  /// Calls `body` with each row of the block, the row's grids and the groups of the block's
  /// columns.
  private func forEachRow(
    _ levels: MatrixBlock<Matrix>,
    _ body: (_ row: Int, UnsafePointer<fpq_grid>, UnsafePointer<UInt32>) -> Void
  ) {
    grids.withUnsafeBufferPointer { grids in
      groupOfColumn.withUnsafeBufferPointer { group in
        guard let grids = grids.baseAddress, let group = group.baseAddress else { return }
        for row in levels.rows.indices {
          let index = row - levels.rows.lowerBound
          body(index, grids + index * groups, group + levels.columns.lowerBound)
        }
      }
    }
  }

  private func check(
    _ levels: MatrixBlock<Matrix>, square: MatrixBlock<Matrix>, _ others: MatrixBlock<Matrix>...
  ) {
    let (rows, columns) = (levels.rows.count, levels.columns.count)
    precondition(
      rows * groups == grids.count && levels.columns.upperBound <= groupOfColumn.count
        && square.rows.count == columns && square.columns.count == columns
        && others.allSatisfy { $0.rows.count == rows && $0.columns.count == columns },
      "blocks of different shapes")
  }
}
