import Formats
import Kernels
import Tensors

/// The moments of one input site in f32, as objectives and input transforms want them.
package struct SiteMoments {
  package let site: String
  /// Sum x x' [inputs][inputs]; nil for a site that was never seen.
  package let gram: Matrix?
  /// Sum x [inputs].
  package let sum: [Float]
  /// Tokens that were summed.
  package let tokens: Int
  /// Largest |x| of each channel [inputs].
  package let absmax: [Float]
  /// Of all inputs; nil where they were not counted.
  package let histogram: MagnitudeHistogram?

  /// - Parameters:
  ///   - site: the name.
  ///   - gram: Sum x x' [inputs][inputs].
  ///   - sum: Sum x [inputs].
  ///   - tokens: that were summed.
  ///   - absmax: the largest |x| of each channel [inputs].
  ///   - histogram: of all inputs, where they were counted.
  package init(
    site: String, gram: Matrix, sum: [Float], tokens: Int, absmax: [Float],
    histogram: MagnitudeHistogram? = nil
  ) {
    (self.site, self.gram, self.sum, self.tokens) = (site, gram, sum, tokens)
    (self.absmax, self.histogram) = (absmax, histogram)
  }

  /// Of a site that was never seen.
  package init(unseen site: String, channels: Int) {
    (self.site, gram, tokens) = (site, nil, 0)
    (sum, absmax) = (Array(repeating: 0, count: channels), Array(repeating: 0, count: channels))
    histogram = nil
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
      guard let gram, tokens > 0 else { return 0 }
      let square = Double(gram.row(k)[k]) / Double(tokens)
      let c = Double(center?[k] ?? 0)
      return max(0, square - 2 * c * mean[k] + c * c).squareRoot()
    }
  }
}
