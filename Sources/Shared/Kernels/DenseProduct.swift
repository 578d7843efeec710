import CDense
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
