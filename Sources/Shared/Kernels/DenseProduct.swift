import CDense
import Platform
import Tensors

/// C [rows][columns] (+)= A B in f32 on the calling thread; A [rows][depth], B [depth][columns], each with its row stride beside it.
///
/// A factor that is marked as transposed lies in memory the other way round: A as [depth][rows], B as [columns][depth].
package func multiply(
  transposeA: Bool = false, transposeB: Bool = false, rows: Int, columns: Int, depth: Int,
  _ a: UnsafePointer<Float>, _ aStride: Int, _ b: UnsafePointer<Float>, _ bStride: Int, add: Bool,
  _ c: UnsafeMutablePointer<Float>, _ cStride: Int
) {
  guard rows > 0, columns > 0 else { return }
  // oneDNN would leave C as it is.
  precondition(depth > 0, "a product of \(rows)x\(columns)x0")
  let status = fpq_gemm_f32(
    transposeA ? 1 : 0, transposeB ? 1 : 0, rows, columns, depth, a, aStride, b, bStride,
    add ? 1 : 0, c, cStride)
  precondition(status == 0, "oneDNN refused a product of \(rows)x\(columns)x\(depth)")
}

/// A B on all threads, on tiles whose borders depend on the shape alone.
///
/// - Parameters:
///   - transposeA: A lies as [depth][rows].
///   - a: [rows][depth].
///   - b: [depth][columns].
/// - Returns: [rows][columns].
package func product(transposeA: Bool = false, _ a: Matrix, _ b: Matrix) -> Matrix {
  let (rows, depth) = transposeA ? (a.columns, a.rows) : (a.rows, a.columns)
  precondition(depth == b.rows, "a product over \(depth) and \(b.rows)")
  let c = Matrix(rows: rows, columns: b.columns)
  // A weight's gradient is often no larger than 256 x 256: four tiles; larger ones are not faster.
  let (height, width) = (128, 128)
  let across = (c.columns + width - 1) / width
  Parallel.forEach((rows + height - 1) / height * across) { index in
    let (row, column) = (index / across * height, index % across * width)
    multiply(
      transposeA: transposeA, rows: min(height, rows - row),
      columns: min(width, c.columns - column), depth: depth,
      transposeA ? a.pointer + row : a.row(row), a.columns, b.pointer + column, b.columns,
      add: false, c.row(row) + column, c.columns)
  }
  return c
}
