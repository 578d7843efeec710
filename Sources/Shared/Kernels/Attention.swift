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
  bias: AttentionWeights.Bias? = nil
) -> Matrix {
  let weights = AttentionWeights(
    q: q, k: k, batch: batch, heads: heads, scale: scale, bias: bias)
  let (keys, width, headSize) = (weights.keys, q.columns, weights.headSize)
  let output = Matrix(rows: q.rows, columns: width)
  let tiles = weights.tiles
  Parallel.forEach(batch * heads * tiles) { index in
    let (sample, head) = (index / (heads * tiles), index / tiles % heads)
    let queries = weights.queries(ofTile: index % tiles)
    let tile = weights(sample: sample, head: head, queries: queries)
    multiply(
      rows: tile.rows, columns: headSize, depth: keys, tile.pointer, keys,
      v.row(sample * keys) + head * headSize, width, add: false,
      output.row(sample * weights.queries + queries.lowerBound) + head * headSize, width)
  }
  return output
}

/// The weights `softmax(scale q k^T + bias)` that attention gives to the keys, computed a tile at a
/// time.
package struct AttentionWeights {
  /// The [keys] floats added to the scaled logits of one sample, head and query.
  package typealias Bias = (_ sample: Int, _ head: Int, _ query: Int) -> UnsafePointer<Float>

  /// Queries in a tile: fixed, so that no result depends on the number of threads.
  private static let tile = 64

  package let q: Matrix
  package let k: Matrix
  package let batch: Int
  package let heads: Int
  package let scale: Float
  private let bias: Bias?
  /// Queries and keys of a sample.
  package let queries: Int
  package let keys: Int
  package let headSize: Int

  /// Tiles of a sample and head.
  package var tiles: Int { (queries + AttentionWeights.tile - 1) / AttentionWeights.tile }

  /// The arguments are those of `attention`.
  package init(q: Matrix, k: Matrix, batch: Int, heads: Int, scale: Float, bias: Bias?) {
    (self.q, self.k, self.batch, self.heads) = (q, k, batch, heads)
    (self.scale, self.bias) = (scale, bias)
    (queries, keys, headSize) = (q.rows / batch, k.rows / batch, q.columns / heads)
  }

  /// The queries of tile `index`, counted in their sample.
  package func queries(ofTile index: Int) -> Range<Int> {
    (index * AttentionWeights.tile)..<min(queries, (index + 1) * AttentionWeights.tile)
  }

  /// The weights [queries.count][keys] of some queries of a sample, for one head.
  package func callAsFunction(sample: Int, head: Int, queries: Range<Int>) -> Matrix {
    let (width, channel) = (q.columns, head * headSize)
    let weights = Matrix(rows: queries.count, columns: keys)
    multiply(
      transposeB: true, rows: weights.rows, columns: keys, depth: headSize,
      q.row(sample * self.queries + queries.lowerBound) + channel, width,
      k.row(sample * keys) + channel, width, add: false, weights.pointer, keys)
    for (row, query) in queries.enumerated() {
      fpq_softmax(1, keys, keys, scale, bias?(sample, head, query), weights.row(row))
    }
    return weights
  }
}
