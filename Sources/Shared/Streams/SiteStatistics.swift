import Formats
import Tensors

/// Second moments and magnitudes of one input site: what the linear layers that share this input
/// saw during calibration.
///
/// Everything is a sum, a count or a maximum, so shards add up.
package struct SiteStatistics: Sendable {
  package let site: String
  /// Input channels K.
  package var channels: Int { sum.count }
  /// Sum over tokens of x x^T, the upper triangle row by row, [K (K + 1) / 2].
  package var gram: [Double]
  /// Sum over tokens of x, [K].
  package var sum: [Double]
  /// Largest |x| of each channel, [K].
  package var absmax: [Float]
  /// Largest |x| of each sampler step, [steps]; empty for a site that is computed once per prompt.
  package var stepAbsmax: [Float]
  /// Tokens that entered the sums.
  package var count: Int
  /// Of all values that entered the sums; nil where it goes on from a file that has none.
  package var histogram: MagnitudeHistogram?

  /// A site of `channels` inputs that has seen nothing yet.
  package init(site: String, channels: Int) {
    self.site = site
    gram = Array(repeating: 0, count: SiteStatistics.triangle(channels))
    sum = Array(repeating: 0, count: channels)
    absmax = Array(repeating: 0, count: channels)
    stepAbsmax = []
    count = 0
    histogram = MagnitudeHistogram()
  }

  /// What a file holds.
  package init(
    site: String, gram: [Double], sum: [Double], absmax: [Float], stepAbsmax: [Float], count: Int,
    histogram: MagnitudeHistogram?
  ) {
    precondition(gram.count == SiteStatistics.triangle(sum.count), "a triangle of the channels")
    (self.site, self.gram, self.sum, self.absmax) = (site, gram, sum, absmax)
    (self.stepAbsmax, self.count, self.histogram) = (stepAbsmax, count, histogram)
  }

  /// Elements of the upper triangle of a [channels][channels] matrix.
  package static func triangle(_ channels: Int) -> Int { channels * (channels + 1) / 2 }

  /// Where row `row` of the triangle would begin if it had a column 0: element [row][column] of the
  /// matrix, column >= row, is at `start(row, of: channels) + column`.
  package static func start(_ row: Int, of channels: Int) -> Int {
    row * channels - row * (row + 1) / 2
  }

  /// False when a NaN or infinity was seen.
  package var isFinite: Bool { sum.allSatisfy(\.isFinite) && absmax.allSatisfy(\.isFinite) }
}
