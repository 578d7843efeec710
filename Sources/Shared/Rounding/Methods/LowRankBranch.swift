import Kernels
import Platform
import Tensors

/// What a low-rank branch of given rank is to be nearest in, `fpq-round --rank-metric`.
package enum RankMetric: String, Sendable, CaseIterable {
  /// The layer's output: tr((W - L) H (W - L)'), the damped objective.
  case output
  /// The weights: the plain singular value decomposition of SVDQuant.
  case weight
}

/// A 16-bit branch of low rank beside the codes, W' = up down + V, which sees the prepared input
/// before it is rounded (SVDQuant, arXiv 2411.05007).
///
/// With H = F F' the nearest L of rank r in the metric of H is (W' F)_r F^-1: Eckart and Young for
/// W' F. As (W' F)_r = U U' W' F with U its first r left singular vectors, L = U (U' W'), and U are
/// the leading eigenvectors of W' H W'': no factor of H and no inverse is needed.
package struct LowRankBranch: Sendable {
  /// [outputs][rank], Float16 values.
  package let up: Matrix
  /// [rank][inputs], Float16 values.
  package let down: Matrix

  package var rank: Int { up.columns }

  /// The branch nearest to `weight`.
  ///
  /// - Parameters:
  ///   - weight: [outputs][inputs], in the channels of the prepared input.
  ///   - rank: at least 1, at most min(outputs, inputs).
  ///   - metric: what it is to be nearest in.
  ///   - objective: of the layer's site.
  ///   - place: names the weight in a failure.
  /// - Throws: `Failure` when a factor is beyond F16, or the weight is not finite.
  package init(
    of weight: Matrix, rank: Int, metric: RankMetric, objective: SiteObjective, place: String
  ) throws {
    let (rows, columns) = (weight.rows, weight.columns)
    if let value = weight.values.first(where: { !$0.isFinite }) {
      throw Failure(place, "expected finite weights, found \(value)")
    }
    let subspace = LeadingSubspace(
      of: weight, transformed: metric == .output ? objective.gradient(of: weight) : weight,
      count: rank)
    let vectors = subspace.vectors
    // (U' W')' [inputs][rank].
    let coefficients = wideProduct(rows: columns, depth: rows, columns: rank, vectors) {
      k, target in
      for n in 0..<rows { target[n] = Double(weight.row(n)[k]) }
    }
    up = Matrix(rows: rows, columns: rank)
    down = Matrix(rows: rank, columns: columns)
    for i in 0..<rank {
      // Both factors equally large, by a power of two: weights far from 1 would leave one of them
      // below F16's normal numbers.
      var (largestUp, largestDown) = (0.0, 0.0)
      for n in 0..<rows { largestUp = max(largestUp, abs(vectors[n * rank + i])) }
      for k in 0..<columns { largestDown = max(largestDown, abs(coefficients[k * rank + i])) }
      let ratio = largestUp > 0 && largestDown > 0 ? largestDown / largestUp : 1
      let balance = ratio.squareRoot().binade
      for n in 0..<rows { up.row(n)[i] = Float(Float16(vectors[n * rank + i] * balance)) }
      for k in 0..<columns {
        down.row(i)[k] = Float(Float16(coefficients[k * rank + i] / balance))
      }
    }
    guard up.values.allSatisfy(\.isFinite), down.values.allSatisfy(\.isFinite) else {
      throw Failure(place, "expected weights whose low-rank branch fits F16, found larger ones")
    }
  }

  /// up down [outputs][inputs].
  package func weight() -> Matrix { product(up, down) }
}
