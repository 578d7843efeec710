import CKernels
import Formats
import Tensors

/// The values that the weights of one group can take: level * scale, or level * negative scale for
/// levels below zero.
package struct GroupGrid {
  private let grid: fpq_grid
  /// What holds the levels that `grid` points to.
  private let table: LevelTable

  /// The values of `group` with the levels of `table`, at most 64.
  package init(_ group: GroupScales.Group, _ table: LevelTable) {
    grid = fpq_grid(group, table)
    self.table = table
  }

  /// Writes (nearest value) - w for the weights `columns` of row `row`.
  ///
  /// - Parameters:
  ///   - weight: [rows][columns].
  ///   - row: of the weight.
  ///   - columns: of the weight.
  ///   - result: [any][columns.count].
  ///   - place: the row of `result` that is written.
  package func residual(
    of weight: Matrix, row: Int, columns: Range<Int>, into result: Matrix, row place: Int
  ) {
    precondition(result.columns == columns.count, "a residual of another length")
    fpq_grid_residual(
      columns.count, grid, weight.row(row) + columns.lowerBound, result.row(place))
    keep(weight, result)
  }

  /// What rounding the weights `columns` of row `row` costs.
  ///
  /// - Parameters:
  ///   - weight: [rows][columns].
  ///   - row: of the weight.
  ///   - columns: of the weight.
  ///   - importance: of all columns of the weight.
  /// - Returns: the sum of importance * ((nearest value) - w)^2, in f32.
  package func error(
    of weight: Matrix, row: Int, columns: Range<Int>, importance: [Float]
  ) -> Float {
    precondition(importance.count == weight.columns, "an importance for each column")
    let error = importance.withUnsafeBufferPointer {
      fpq_grid_error(
        columns.count, grid, weight.row(row) + columns.lowerBound,
        $0.baseAddress! + columns.lowerBound)
    }
    keep(weight, weight)
    return error
  }

  /// Holds what the kernels were given the memory of until here, without counting a reference: a
  /// search asks for millions of errors of a few dozen weights each.
  private func keep(_ a: Matrix, _ b: Matrix) {
    withExtendedLifetime(table) {}
    withExtendedLifetime(a) {}
    withExtendedLifetime(b) {}
  }
}

extension fpq_grid {
  /// `table` must outlive it.
  init(_ group: GroupScales.Group, _ table: LevelTable) {
    self.init(
      scale: Float(group.scale), negative_scale: Float(group.negativeScale),
      table: UnsafeRawPointer(table.floats).assumingMemoryBound(to: fpq_levels.self))
  }
}
