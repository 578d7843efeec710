import CKernels
import Foundation
import Tensors

/// Rotary position embedding (arXiv 2104.09864): each pair of channels 2j and 2j + 1 of a head is
/// turned by an angle of its token, the same in every head and sample.
package struct RotaryEmbedding: Sendable {
  /// [tokens][head size]: cos of the pair's angle.
  package let cosines: Matrix
  /// [tokens][head size]: what the pair's other channel is multiplied by, -sin for the first one.
  package let sines: Matrix

  package var tokens: Int { cosines.rows }
  package var headSize: Int { cosines.columns }

  /// - Parameter angles: [tokens][head size / 2].
  package init(angles: [[Float]]) {
    let size = 2 * (angles.first?.count ?? 0)
    let (cosines, sines) = (
      Matrix(rows: angles.count, columns: size), Matrix(rows: angles.count, columns: size)
    )
    for (token, row) in angles.enumerated() {
      let (cosine, sine) = (cosines.row(token), sines.row(token))
      for (pair, angle) in row.enumerated() {
        (cosine[2 * pair], cosine[2 * pair + 1]) = (cos(angle), cos(angle))
        (sine[2 * pair], sine[2 * pair + 1]) = (-sin(angle), sin(angle))
      }
    }
    (self.cosines, self.sines) = (cosines, sines)
  }

  private init(cosines: Matrix, sines: Matrix) { (self.cosines, self.sines) = (cosines, sines) }

  /// The same turn backwards, its transpose.
  package var inverse: RotaryEmbedding {
    RotaryEmbedding(
      cosines: cosines,
      sines: Matrix(rows: sines.rows, columns: sines.columns, values: sines.values.map { -$0 }))
  }

  /// Replaces x [samples * tokens][heads * head size] by its turned pairs.
  package func apply(to x: Matrix) {
    let (tokens, heads) = (tokens, x.columns / headSize)
    precondition(
      x.columns == heads * headSize && x.rows % tokens == 0,
      "\(tokens) positions of \(headSize) channels for \(x.rows)x\(x.columns)")
    RowChunks(of: x, batch: x.rows / tokens).forEach { sample, rows in
      let (first, x) = (rows.lowerBound - sample * tokens, x.row(rows.lowerBound))
      fpq_turn_pairs(rows.count, heads, headSize, cosines.row(first), sines.row(first), x, x)
    }
  }
}
