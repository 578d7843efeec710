import CKernels
import Platform
import Tensors

/// A layer norm without weights of its own, then a scale and a shift per sample and channel: adaptive layer norm.
///
/// Elementwise passes run over chunks of rows that never straddle two samples, so that each chunk has one scale and one shift.
struct Modulation {
  /// Vectors [batch][D], each `stride` floats after the one before: shift, 1 + scale.
  let shift: UnsafePointer<Float>
  let scale: UnsafePointer<Float>
  let stride: Int
  let epsilon: Float

  /// y = (LN(x) * scale + shift) of `rows` of one sample.
  func normalize(_ x: Matrix, into y: Matrix, rows: Range<Int>, sample: Int) {
    fpq_layer_norm(
      rows.count, x.columns, epsilon, scale + sample * stride, shift + sample * stride,
      x.row(rows.lowerBound), y.row(rows.lowerBound))
  }

  /// As `normalize` for all rows of x [batch * tokens][D].
  func callAsFunction(_ x: Matrix, batch: Int) -> Matrix {
    let y = Matrix(rows: x.rows, columns: x.columns)
    Modulation.forEachChunk(of: x, batch: batch) { sample, rows in
      normalize(x, into: y, rows: rows, sample: sample)
    }
    return y
  }

  /// Calls `body` with chunks of the rows of x [batch * tokens][...], of borders that depend on the shape alone.
  static func forEachChunk(
    of x: Matrix, batch: Int, _ body: (_ sample: Int, _ rows: Range<Int>) -> Void
  ) {
    // About a quarter of a mebibyte: a chunk stays in the core's cache between the passes over it.
    let size = max(1, (1 << 16) / max(1, x.columns))
    let tokens = x.rows / batch
    let chunks = (tokens + size - 1) / size
    Parallel.forEach(batch * chunks) { index in
      let (sample, first) = (index / chunks, index % chunks * size)
      let start = sample * tokens
      body(sample, (start + first)..<(start + min(tokens, first + size)))
    }
  }
}
