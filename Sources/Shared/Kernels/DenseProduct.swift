import CDense
import Platform
import Tensors

/// C = A B in f32, or C += A B when `adding`, on the calling thread.
///
/// - Parameters:
///   - transposeA: A lies as [depth][rows].
///   - transposeB: B lies as [columns][depth].
///   - a: [rows][depth].
///   - b: [depth][columns].
///   - adding: whether C is added to.
///   - c: [rows][columns], no part of A or B.
package func multiply(
  transposeA: Bool = false, transposeB: Bool = false, _ a: MatrixBlock<Matrix>,
  _ b: MatrixBlock<Matrix>, adding: Bool = false, into c: MatrixBlock<Matrix>
) {
  let (aRows, aDepth) =
    transposeA ? (a.columns.count, a.rows.count) : (a.rows.count, a.columns.count)
  let (bDepth, bColumns) =
    transposeB ? (b.columns.count, b.rows.count) : (b.rows.count, b.columns.count)
  checkProduct(
    rows: (aRows, c.rows.count), depth: (aDepth, bDepth), columns: (bColumns, c.columns.count))
  withExtendedLifetime((a, b, c)) {
    multiply(
      transposeA: transposeA, transposeB: transposeB, rows: aRows, columns: bColumns,
      depth: aDepth, a.row(0), a.stride, b.row(0), b.stride, add: adding, c.row(0), c.stride)
  }
}

/// Stops unless both factors and the result agree: (A, C), (A, B) and (B, C).
func checkProduct(rows: (Int, Int), depth: (Int, Int), columns: (Int, Int)) {
  precondition(
    rows.0 == rows.1 && depth.0 == depth.1 && columns.0 == columns.1,
    "a product of \(rows.0)x\(depth.0) and \(depth.1)x\(columns.0) into \(rows.1)x\(columns.1)")
}

/// As above on bare memory: A [rows][depth], B [depth][columns], each with its row stride beside
/// it.
///
/// A factor that is marked as transposed lies in memory the other way round: A as [depth][rows], B
/// as [columns][depth].
func multiply(
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
