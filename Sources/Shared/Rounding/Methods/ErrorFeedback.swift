import CKernels
import Formats
import Kernels
import Platform
import Tensors

/// GPTQ (arXiv 2210.17323): rounds channel by channel, each after taking up the error of those before.
///
/// Blocks of 128 channels: rank-1 updates inside, one dense product for all channels after the block. Scales are
/// static, from the original weights, in the original groups.
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
  let groups = order.map { UInt32($0 / scales.groupSize) }
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
    let grids = range.map { scales.grids(row: $0) }
    groups.withUnsafeBufferPointer { groups in
      for start in stride(from: 0, to: count, by: block) {
        let width = min(block, count - start)
        for index in 0..<range.count {
          fpq_feedback_row(
            width, grids[index], groups.baseAddress! + start, factor.matrix.row(start) + start,
            count, ordered.row(index) + start, target.row(index) + start,
            chosen.row(index) + start, residual.row(index))
        }
        let next = start + width
        multiply(
          rows: range.count, columns: count - next, depth: width, residual.pointer, block,
          factor.matrix.row(start) + next, count, add: true, target.pointer + next, count)
      }
    }
    for (index, row) in range.enumerated() {
      for k in 0..<count { levels.row(row)[order[k]] = chosen.row(index)[k] }
    }
  }
  return Levels(scales: scales, matrix: levels)
}
