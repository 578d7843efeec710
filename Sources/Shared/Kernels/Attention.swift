import CKernels
import Platform
import Tensors

/// Scaled dot-product attention in f32, `softmax(scale q k^T + bias) v`, for every sample and head.
///
/// - Parameters:
///   - q: [batch * queries][heads * headSize], a head's channels side by side.
///   - k: [batch * keys][heads * headSize].
///   - v: [batch * keys][heads * headSize].
///   - batch: how many samples the rows hold.
///   - heads: how many heads the columns hold.
///   - scale: multiplies the logits; 1 for T5.
///   - bias: the [keys] floats added to the scaled logits of one sample, head and query, or nil.
/// - Returns: [batch * queries][heads * headSize], laid out as `q`.
package func attention(
  q: Matrix, k: Matrix, v: Matrix, batch: Int, heads: Int, scale: Float,
  bias: ((_ sample: Int, _ head: Int, _ query: Int) -> UnsafePointer<Float>)? = nil
) -> Matrix {
  let (queries, keys) = (q.rows / batch, k.rows / batch)
  let (width, headSize) = (q.columns, q.columns / heads)
  let output = Matrix(rows: q.rows, columns: width)
  // Fixed tiles of queries, so that the result does not depend on the number of threads.
  let tile = 64
  let tiles = (queries + tile - 1) / tile
  Parallel.forEach(batch * heads * tiles) { index in
    let (sample, head) = (index / (heads * tiles), index / tiles % heads)
    let first = index % tiles * tile
    let rows = min(tile, queries - first)
    let logits = Matrix(rows: rows, columns: keys)
    let channel = head * headSize
    let start = sample * queries + first
    multiply(
      transposeB: true, rows: rows, columns: keys, depth: headSize, q.row(start) + channel, width,
      k.row(sample * keys) + channel, width, add: false, logits.pointer, keys)
    for row in 0..<rows {
      fpq_softmax(1, keys, keys, scale, bias?(sample, head, first + row), logits.row(row))
    }
    multiply(
      rows: rows, columns: headSize, depth: keys, logits.pointer, keys,
      v.row(sample * keys) + channel, width, add: false, output.row(start) + channel, width)
  }
  return output
}
