import Kernels
import Platform
import Synchronization
import Tensors

/// The quadratic that every layer of one input site minimises, from the site's statistics.
///
/// A row v of codes for the weights w costs (v - w)' H (v - w), H = C + damping d I, d the mean of
/// C's diagonal, all in the channels of the prepared input x'. C is the covariance of x' with bias
/// correction, its second moment without. A site that was never seen has H = I: all methods then
/// minimise the weight error.
package final class SiteObjective: Sendable {
  package let site: String
  package let inputs: Int
  package let options: ObjectiveOptions
  /// H; nil for I, which needs no memory.
  private let seen: Matrix?
  /// What was added to C's diagonal.
  package let damping: Double
  /// C's diagonal [inputs], not negative.
  package let diagonal: [Double]
  /// The mean of x' [inputs].
  package let mean: [Double]
  private let factor = Mutex<FeedbackFactor?>(nil)

  /// Makes the objective of a site.
  ///
  /// - Parameters:
  ///   - site: names the statistics in a failure.
  ///   - gram: G = sum x x' over the site's tokens, [inputs][inputs]; nil for a site that was never
  ///     seen.
  ///   - sum: sum x [inputs].
  ///   - tokens: how many tokens were summed; 0 if none was.
  ///   - transform: how x becomes x'.
  ///   - options: damping, bias correction and order.
  /// - Throws: `Failure` when shapes disagree, the Gram matrix is not finite, or its diagonal is
  ///   negative.
  package init(
    site: String, gram: Matrix?, sum: [Float], tokens: Double,
    transform: InputTransform = InputTransform(), options: ObjectiveOptions
  ) throws {
    let count = sum.count
    if let gram, gram.rows != count || gram.columns != count {
      throw Failure(
        site,
        "expected a Gram matrix [\(count)][\(count)], found [\(gram.rows)][\(gram.columns)]")
    }
    guard tokens >= 0, tokens.isFinite, sum.allSatisfy(\.isFinite) else {
      throw Failure(site, "expected finite statistics, found \(tokens) tokens or a broken sum")
    }
    guard options.damping >= 0, options.damping.isFinite else {
      throw Failure("damping: expected at least 0, found \(options.damping)")
    }
    self.site = site
    inputs = count
    self.options = options
    guard let gram else {
      (seen, damping) = (nil, 1)
      diagonal = Array(repeating: 0, count: count)
      mean = diagonal
      return
    }
    for i in 0..<count where !(gram.row(i)[i] >= 0) && gram.row(i)[i].isFinite {
      throw Failure(
        site, "expected squares on the Gram matrix's diagonal, found \(gram.row(i)[i]) at \(i)")
    }
    let share = tokens > 0 ? 1 / tokens : 0
    let centre = sum.map { Double($0) * share }
    let hessian = try prepared(
      gram, share: share, mean: centre, transform: transform,
      isCentred: options.biasCorrection, site: site)
    let diagonal = (0..<count).map { max(0, Double(hessian.row($0)[$0])) }
    let average = count > 0 ? diagonal.reduce(0, +) / Double(count) : 0
    let damping = average > 0 ? options.damping * average : 1
    for i in 0..<count { hessian.row(i)[i] = Float(diagonal[i] + damping) }
    seen = hessian
    self.damping = damping
    self.diagonal = diagonal
    mean =
      transform.isIdentity
      ? centre
      : transform(Matrix(rows: 1, columns: count, values: centre.map { Float($0) })).values.map {
        Double($0)
      }
  }

  /// Whether nothing was seen: H = I.
  package var isUnseen: Bool { seen == nil }

  /// H [inputs][inputs], symmetric.
  package var hessian: Matrix {
    if let seen { return seen }
    let identity = Matrix(rows: inputs, columns: inputs, zeroed: true)
    for i in 0..<inputs { identity.row(i)[i] = 1 }
    return identity
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
  func gradient(of residual: Matrix) -> Matrix {
    seen.map { product(residual, symmetric: $0) } ?? residual
  }

  /// e' H e of every row of `residual`, given its `gradient`.
  func losses(of residual: Matrix, gradient: Matrix) -> [Double] {
    rowDots(residual, gradient)
  }

  package func losses(of residual: Matrix) -> [Double] {
    losses(of: residual, gradient: gradient(of: residual))
  }

  /// tr(E C E'), the mean squared output error that `residual` leaves after the bias correction,
  /// from tr(E H E').
  func outputError(of residual: Matrix, damped: Double) -> Double {
    max(0, damped - damping * rowDots(residual, residual).reduce(0, +))
  }

  func outputError(of residual: Matrix) -> Double {
    outputError(of: residual, damped: losses(of: residual).reduce(0, +))
  }

  /// The mean squared output of `weight` before its bias; `constant` [outputs] is what it adds for
  /// the input's centre.
  func outputPower(of weight: Matrix, constant: [Double]) -> Double {
    let squares = outputError(of: weight)
    let average = products(weight, mean)
    if options.biasCorrection {
      return squares + zip(average, constant).reduce(0) { $0 + ($1.0 + $1.1) * ($1.0 + $1.1) }
    }
    // |W' x' + c|^2 = |W' x'|^2 + 2 c W' x' + c^2
    return squares + zip(average, constant).reduce(0) { $0 + $1.1 * (2 * $1.0 + $1.1) }
  }

  /// W mu of every row.
  package func products(_ weight: Matrix, _ vector: [Double]) -> [Double] {
    (0..<weight.rows).map { row in
      let w = weight.row(row)
      var sum = 0.0
      for k in 0..<weight.columns { sum += Double(w[k]) * vector[k] }
      return sum
    }
  }
}

/// The covariance of x', or its second moment, in f32: differences are taken in f64, before the
/// rotation.
private func prepared(
  _ gram: Matrix, share: Double, mean: [Double], transform: InputTransform, isCentred: Bool,
  site: String
) throws -> Matrix {
  let count = gram.rows
  let moments = Matrix(rows: count, columns: count)
  let chunk = 64
  // G/n - mu mu' is the covariance; about the centre c the second moment has (mu - c)(mu - c)'
  // more.
  let offset = zip(mean, transform.center ?? Array(repeating: 0, count: count))
    .map { $0 - Double($1) }
  let unit = transform.smooth?.map { 1 / Double($0) } ?? Array(repeating: 1, count: count)
  var isFinite = [Bool](repeating: true, count: (count + chunk - 1) / chunk)
  isFinite.withUnsafeMutableBufferPointer { buffer in
    nonisolated(unsafe) let finite = buffer
    Parallel.chunks(of: count, size: chunk) { range in
      var total: Float = 0
      for i in range {
        let (source, target) = (gram.row(i), moments.row(i))
        for j in 0..<count {
          total += source[j] * 0
          var value = Double(source[j]) * share - mean[i] * mean[j]
          if !isCentred { value += offset[i] * offset[j] }
          target[j] = Float(value * unit[i] * unit[j])
        }
      }
      finite[range.lowerBound / chunk] = total == 0
    }
  }
  if isFinite.contains(false) { throw Failure(site, "expected a finite Gram matrix") }
  guard transform.hadamard > 1 else { return moments }
  // H C H': rows, then the rows of the transpose; rounding must not leave it unsymmetric.
  for _ in 0..<2 {
    moments.applyHadamard(block: transform.hadamard)
    for i in 0..<count {
      for j in 0..<i {
        (moments.row(i)[j], moments.row(j)[i]) = (moments.row(j)[i], moments.row(i)[j])
      }
    }
  }
  for i in 0..<count {
    for j in 0..<i {
      let middle = (moments.row(i)[j] + moments.row(j)[i]) / 2
      moments.row(i)[j] = middle
      moments.row(j)[i] = middle
    }
  }
  return moments
}
