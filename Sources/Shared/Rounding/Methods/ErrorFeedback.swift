import Formats
import Kernels
import Platform
import Tensors

/// GPTQ (arXiv 2210.17323): rounds channel by channel, each after taking up the error of those
/// before.
///
/// Blocks of 128 channels: rank-1 updates inside, one dense product for all channels after the
/// block. Scales are static, from the original weights, in the original groups.
///
/// - Parameters:
///   - weight: [rows][columns].
///   - scales: of the groups, in the original order of the columns.
///   - factor: of the site's objective, in rounding order.
/// - Returns: levels in the original order of the columns.
package func errorFeedback(_ weight: Matrix, scales: GroupScales, factor: FeedbackFactor) -> Levels
{
  let (count, block) = (weight.columns, 128)
  let levels = Matrix(rows: weight.rows, columns: count)
  let order = factor.order
  let groups = order.map { $0 / scales.groupSize }
  Parallel.chunks(of: weight.rows, size: 96) { range in
    // All three [rows][columns] in rounding order.
    let ordered = Matrix(rows: range.count, columns: count)
    let target = Matrix(rows: range.count, columns: count)
    let chosen = Matrix(rows: range.count, columns: count)
    let residual = Matrix(rows: range.count, columns: block)
    for (index, row) in range.enumerated() {
      for k in 0..<count {
        let w = weight.row(row)[order[k]]
        ordered.row(index)[k] = w
        target.row(index)[k] = w
      }
    }
    let grids = RowGrids(
      range.flatMap { row in (0..<scales.groups).map { scales[row: row, group: $0] } },
      rows: range.count, format: scales.format, groupOfColumn: groups)
    for start in stride(from: 0, to: count, by: block) {
      let columns = start..<min(count, start + block)
      let (rest, errors) = (
        columns.upperBound..<count, residual.block(columns: 0..<columns.count)
      )
      grids.feedBack(
        ordered.block(columns: columns), target: target.block(columns: columns),
        factor: factor.matrix.block(rows: columns, columns: columns),
        levels: chosen.block(columns: columns), residual: errors)
      multiply(
        errors, factor.matrix.block(rows: columns, columns: rest), adding: true,
        into: target.block(columns: rest))
    }
    for (index, row) in range.enumerated() {
      for k in 0..<count { levels.row(row)[order[k]] = chosen.row(index)[k] }
    }
  }
  return Levels(scales: scales, matrix: levels)
}
