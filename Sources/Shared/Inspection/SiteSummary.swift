import Foundation
import Platform
import Streams
import Tensors

/// What the sums over all tokens at one input site say about its activations.
///
/// Reads `S.gram` [channels (channels + 1) / 2] (the upper triangle of the sum of x x^T), `S.sum`
/// [channels], `S.absmax` [channels] and `S.count` [].
struct SiteSummary {
  let name: String
  let channels: Int
  let tokens: Double
  /// Over all tokens and channels; nil for a site that saw no token.
  let rootMeanSquare: Double?
  let absmax: Double
  /// Channels by how far their mean is from zero in units of their standard deviation, largest
  /// first; none for a site that saw no token.
  let offCentre: [(channel: Int, ratio: Double)]

  var tokensPerChannel: Double { tokens / Double(channels) }

  init(_ name: String, in source: OpenedTensors) throws {
    self.name = name
    let gram = try source.tensor("\(name).gram")
    let channels = try source.tensor("\(name).sum").count
    guard channels > 0, channels < 1 << 20, gram.shape == [SiteStatistics.triangle(channels)] else {
      throw Failure(gram.place, "expected a triangle of \(channels) channels, found \(gram.shape)")
    }
    func vector(_ key: String, _ shape: [Int]) throws -> [Double] {
      let tensor = try source.tensor("\(name).\(key)")
      guard tensor.shape == shape else {
        throw Failure(tensor.place, "expected shape \(shape), found \(tensor.shape)")
      }
      var values = [Double](repeating: 0, count: tensor.count)
      try tensor.copyDoubles(0..<tensor.count, to: &values)
      return values
    }
    let tokens = try vector("count", [])[0]
    guard tokens >= 0, tokens.isFinite else {
      throw Failure(
        "\(source.path): \(name).count", String(format: "expected a count, found %g", tokens))
    }
    let sums = try vector("sum", [channels])
    let squares = try (0..<channels).map { channel in
      var value = 0.0
      let diagonal = SiteStatistics.start(channel, of: channels) + channel
      try gram.copyDoubles(diagonal..<(diagonal + 1), to: &value)
      return value
    }
    guard (sums + squares).allSatisfy(\.isFinite) else {
      throw Failure(gram.place, "expected finite sums, found NaN or infinity")
    }
    self.channels = channels
    self.tokens = tokens
    absmax = try vector("absmax", [channels]).reduce(0) { max($0, $1) }
    guard tokens > 0 else {
      guard (sums + squares + [absmax]).allSatisfy({ $0 == 0 }) else {
        throw Failure(gram.place, "expected zeros for a count of 0, found others")
      }
      (rootMeanSquare, offCentre) = (nil, [])
      return
    }
    rootMeanSquare = (squares.reduce(0, +) / (tokens * Double(channels))).squareRoot()
    offCentre = (0..<channels).map { channel in
      let mean = sums[channel] / tokens
      let variance = max(0, squares[channel] / tokens - mean * mean)
      // A channel that is always zero is in its centre.
      return (channel, mean == 0 ? 0 : abs(mean) / variance.squareRoot())
    }.sorted { ($1.ratio, $0.channel) < ($0.ratio, $1.channel) }
  }
}
