import Foundation
import Platform
import Tensors

/// T5's relative position bias (transformers `T5Attention.compute_bias`, bidirectional): one number
/// per head for each bucket of key - query distances, added to the logits.
package struct RelativePositionBias {
  let buckets: Int
  let maxDistance: Int
  let heads: Int
  /// [buckets][heads].
  private let weight: [Float]

  package init(
    _ name: String, buckets: Int, maxDistance: Int, heads: Int, from source: any TensorSource
  ) throws {
    self.buckets = buckets
    self.maxDistance = maxDistance
    self.heads = heads
    weight = try source.tensor("\(name).weight", shape: [buckets, heads]).floats()
  }

  /// The bias of every distance from -(length - 1) to length - 1, as [heads][2 * length - 1].
  ///
  /// The `length` floats from
  /// `length - 1 - query` on are those of one query's keys.
  package func table(length: Int) -> Matrix {
    let table = Matrix(rows: heads, columns: 2 * length - 1)
    for column in 0..<table.columns {
      let bucket = bucket(column - (length - 1))
      for head in 0..<heads { table.row(head)[column] = weight[bucket * heads + head] }
    }
    return table
  }

  /// The bucket of `distance` = key - query: exact up to a quarter of the buckets, then logarithmic
  /// up to `maxDistance`.
  package func bucket(_ distance: Int) -> Int {
    let half = buckets / 2
    let exact = half / 2
    let base = distance > 0 ? half : 0
    let magnitude = abs(distance)
    if magnitude < exact { return base + magnitude }
    let fraction =
      logf(Float(magnitude) / Float(exact)) / Float(log(Double(maxDistance) / Double(exact)))
    return base + min(half - 1, exact + Int(clamping: fraction * Float(half - exact)))
  }
}
