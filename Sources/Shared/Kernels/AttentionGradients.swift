import CKernels
import Platform
import Tensors

/// The gradients of attention by q, k and v.
///
/// dv = P^T dy with P the weights; with dP = dy v^T and dS = scale P (dP - the sum of P dP over the
/// keys): dq = dS k, dk = dS^T q. P is computed again, a tile of queries at a time, with the bits
/// of the forward pass: keeping it would take heads * keys floats a query. The tiles of one sample
/// and head add up in order, on one thread.
///
/// - Parameters:
///   - weights: of the attention; q [batch * queries][heads * headSize] and k [batch * keys][heads
///     * headSize] are theirs.
///   - v: [batch * keys][heads * headSize].
///   - dy: the gradient by the result, [batch * queries][heads * headSize].
/// - Returns: each of the shape of what it is the gradient by.
package func attentionGradients(
  _ weights: AttentionWeights, values v: Matrix, _ dy: Matrix
) -> (q: Matrix, k: Matrix, v: Matrix) {
  let (q, k) = (weights.q, weights.k)
  let (keys, width, headSize) = (weights.keys, q.columns, weights.headSize)
  // All products are of one head's channels inside rows that hold all heads.
  let dq = Matrix(rows: q.rows, columns: width)
  let (dk, dv) = (Matrix(rows: k.rows, columns: width), Matrix(rows: k.rows, columns: width))
  Parallel.forEach(weights.batch * weights.heads) { index in
    let (sample, head) = (index / weights.heads, index % weights.heads)
    let (channel, firstKey) = (head * headSize, sample * keys)
    for tile in 0..<weights.tiles {
      let queries = weights.queries(ofTile: tile)
      let (rows, first) = (queries.count, sample * weights.queries + queries.lowerBound)
      let p = weights(sample: sample, head: head, queries: queries)
      multiply(
        transposeA: true, rows: keys, columns: headSize, depth: rows, p.pointer, keys,
        dy.row(first) + channel, width, add: tile > 0, dv.row(firstKey) + channel, width)
      let ds = Matrix(rows: rows, columns: keys)
      multiply(
        transposeB: true, rows: rows, columns: keys, depth: headSize, dy.row(first) + channel,
        width, v.row(firstKey) + channel, width, add: false, ds.pointer, keys)
      fpq_softmax_gradient(rows, keys, weights.scale, p.pointer, ds.pointer)
      multiply(
        rows: rows, columns: headSize, depth: keys, ds.pointer, keys, k.row(firstKey) + channel,
        width, add: false, dq.row(first) + channel, width)
      multiply(
        transposeA: true, rows: keys, columns: headSize, depth: rows, ds.pointer, keys,
        q.row(first) + channel, width, add: tile > 0, dk.row(firstKey) + channel, width)
    }
  }
  return (dq, dk, dv)
}
