import Calibration
import Kernels
import Tensors

/// The moments of one input site in f32, as objectives and input transforms want them.
package struct SiteMoments {
  package let site: String
  /// Sum x x' [inputs][inputs].
  package let gram: Matrix
  /// Sum x [inputs].
  package let sum: [Float]
  /// Tokens that were summed.
  package let tokens: Int
  /// Largest |x| of each channel [inputs].
  package let absmax: [Float]
  /// Of all inputs; nil for statistics of a version that did not count.
  package let histogram: MagnitudeHistogram?

  /// - Parameters:
  ///   - site: the name.
  ///   - gram: Sum x x' [inputs][inputs].
  ///   - sum: Sum x [inputs].
  ///   - tokens: that were summed.
  ///   - absmax: the largest |x| of each channel [inputs].
  package init(site: String, gram: Matrix, sum: [Float], tokens: Int, absmax: [Float]) {
    (self.site, self.gram, self.sum, self.tokens) = (site, gram, sum, tokens)
    (self.absmax, histogram) = (absmax, nil)
  }

  init(_ statistics: SiteStatistics) {
    site = statistics.site
    let channels = statistics.channels
    gram = Matrix(rows: channels, columns: channels)
    for index in 0..<gram.count { gram.pointer[index] = Float(statistics.gram[index]) }
    sum = statistics.sum.map { Float($0) }
    tokens = statistics.count
    absmax = statistics.absmax
    histogram = statistics.histogram
  }

  package func objective(_ options: ObjectiveOptions, _ transform: InputTransform) throws
    -> SiteObjective
  {
    try SiteObjective(
      site: site, gram: gram, sum: sum, tokens: Double(tokens), transform: transform,
      options: options)
  }

  /// The mean of each channel [inputs]; 0 where nothing was seen.
  package var mean: [Double] {
    sum.map { tokens > 0 ? Double($0) / Double(tokens) : 0 }
  }

  /// The root of the mean square of each channel about `center`, [inputs].
  package func spread(about center: [Float]?) -> [Double] {
    let mean = mean
    return mean.indices.map { k in
      guard tokens > 0 else { return 0 }
      let square = Double(gram.row(k)[k]) / Double(tokens)
      let c = Double(center?[k] ?? 0)
      return max(0, square - 2 * c * mean[k] + c * c).squareRoot()
    }
  }
}
