import Platform
import Synchronization
import Tensors

/// The quadratic that every layer of one input site minimises, from the site's statistics.
///
/// A row v of codes for the weights w costs (v - w)' H (v - w), H = C + damping d I, d the mean of C's diagonal, and
/// C = G/n - mu mu' with bias correction, G/n without. A site that was never seen has H = I: all methods then
/// minimise the weight error.
package final class SiteObjective: Sendable {
  package let site: String
  package let inputs: Int
  package let options: ObjectiveOptions
  /// H [inputs][inputs], symmetric.
  package let hessian: Matrix
  /// What was added to C's diagonal.
  package let damping: Double
  /// C's diagonal [inputs], not negative.
  package let diagonal: [Double]
  /// The mean input mu [inputs].
  package let mean: [Double]
  private let factor = Mutex<FeedbackFactor?>(nil)

  /// Makes the objective of a site.
  ///
  /// - Parameters:
  ///   - site: names the statistics in a failure.
  ///   - gram: G = sum x x' over the site's tokens, [inputs][inputs].
  ///   - sum: sum x [inputs].
  ///   - tokens: how many tokens were summed; 0 if none was.
  ///   - options: damping, bias correction and order.
  /// - Throws: `Failure` when shapes disagree, the Gram matrix is not finite, or its diagonal is negative.
  package init(
    site: String, gram: Matrix, sum: [Float], tokens: Double, options: ObjectiveOptions
  ) throws {
    let count = gram.rows
    guard gram.columns == count, sum.count == count else {
      throw Failure(
        site,
        "expected a Gram matrix [\(sum.count)][\(sum.count)], found [\(count)][\(gram.columns)]")
    }
    guard tokens >= 0, tokens.isFinite, sum.allSatisfy(\.isFinite) else {
      throw Failure(site, "expected finite statistics, found \(tokens) tokens or a broken sum")
    }
    guard options.damping >= 0, options.damping.isFinite else {
      throw Failure("damping: expected at least 0, found \(options.damping)")
    }
    let share = tokens > 0 ? 1 / tokens : 0
    let mean = sum.map { Double($0) * share }
    let hessian = Matrix(rows: count, columns: count)
    var diagonal = [Double](repeating: 0, count: count)
    let chunk = 64
    var isFinite = [Bool](repeating: true, count: (count + chunk - 1) / chunk)
    isFinite.withUnsafeMutableBufferPointer { buffer in
      nonisolated(unsafe) let finite = buffer
      mean.withUnsafeBufferPointer { mu in
        nonisolated(unsafe) let mu = mu
        Parallel.chunks(of: count, size: chunk) { range in
          var total: Float = 0
          for i in range {
            let (source, target) = (gram.row(i), hessian.row(i))
            let own = options.biasCorrection ? mu[i] : 0
            for j in 0..<count {
              total += source[j] * 0
              target[j] = Float(Double(source[j]) * share - own * mu[j])
            }
          }
          finite[range.lowerBound / chunk] = total == 0
        }
      }
    }
    if isFinite.contains(false) { throw Failure(site, "expected a finite Gram matrix") }
    for i in 0..<count {
      let square = gram.row(i)[i]
      guard square >= 0 else {
        throw Failure(
          site, "expected squares on the Gram matrix's diagonal, found \(square) at \(i)")
      }
      diagonal[i] = max(0, Double(hessian.row(i)[i]))
    }
    let average = count > 0 ? diagonal.reduce(0, +) / Double(count) : 0
    let damping = average > 0 ? options.damping * average : 1
    for i in 0..<count { hessian.row(i)[i] = Float(diagonal[i] + damping) }
    self.site = site
    inputs = count
    self.options = options
    self.hessian = hessian
    self.damping = damping
    self.diagonal = diagonal
    self.mean = mean
  }

  /// The factor of H that error feedback uses, computed once for all layers of the site.
  package func feedbackFactor() -> FeedbackFactor {
    factor.withLock { made in
      if let made { return made }
      let new = FeedbackFactor(hessian: hessian, order: order, damping: damping)
      made = new
      return new
    }
  }

  /// Input channels in the order of the options; equal energies in ascending order.
  package var order: [Int] {
    guard options.order == .descending else { return Array(0..<inputs) }
    return (0..<inputs).sorted { (-diagonal[$0], $0) < (-diagonal[$1], $1) }
  }

  /// (v - w) H of every row.
  func gradient(of residual: Matrix) -> Matrix { product(residual, symmetric: hessian) }

  /// e' H e of every row of `residual`, given its `gradient`.
  func losses(of residual: Matrix, gradient: Matrix) -> [Double] {
    rowDots(residual, gradient)
  }

  func losses(of residual: Matrix) -> [Double] {
    losses(of: residual, gradient: gradient(of: residual))
  }

  /// tr(E C E'), the mean squared output error that `residual` leaves after the bias correction, from tr(E H E').
  func outputError(of residual: Matrix, damped: Double) -> Double {
    max(0, damped - damping * rowDots(residual, residual).reduce(0, +))
  }

  func outputError(of residual: Matrix) -> Double {
    outputError(of: residual, damped: losses(of: residual).reduce(0, +))
  }

  /// tr(W G W') / n, the mean squared output of `weight` before its bias.
  func outputPower(of weight: Matrix) -> Double {
    let centred = outputError(of: weight)
    guard options.biasCorrection else { return centred }
    return centred + products(weight, mean).reduce(0) { $0 + $1 * $1 }
  }

  /// W mu of every row.
  func products(_ weight: Matrix, _ vector: [Double]) -> [Double] {
    (0..<weight.rows).map { row in
      let w = weight.row(row)
      var sum = 0.0
      for k in 0..<weight.columns { sum += Double(w[k]) * vector[k] }
      return sum
    }
  }
}
