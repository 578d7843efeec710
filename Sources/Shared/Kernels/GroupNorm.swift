import CKernels
import Platform
import Tensors

/// Group normalization with a weight and a bias per channel: torch.nn.GroupNorm.
package struct GroupNorm: Sendable {
  package let groups: Int
  package let epsilon: Double
  let weight: [Float]
  let bias: [Float]

  /// Reads `<name>.weight` and `<name>.bias` [channels]; `groups` divides `channels`.
  ///
  /// - Throws: `Failure` for a tensor that is missing or has another shape.
  package init(
    _ name: String, channels: Int, groups: Int, epsilon: Double = 1e-6,
    from source: any TensorSource
  ) throws {
    precondition(channels % groups == 0, "\(name): \(groups) groups of \(channels) channels")
    self.groups = groups
    self.epsilon = epsilon
    weight = try source.tensor("\(name).weight", shape: [channels]).floats()
    bias = try source.tensor("\(name).bias", shape: [channels]).floats()
  }

  /// What normalizing `x` does to each channel: a pass over it.
  package func transform(of x: MapStage) -> ChannelTransform {
    let (channels, area) = (x.channels, x.height * x.width)
    // Sums of fixed runs of pixels, added in order: the same for any number of threads and any
    // height of strips, as a run that goes on in the next strip goes on in its sums.
    let run = 1024
    let runs = (area + run - 1) / run
    var sums = [Double](repeating: 0, count: runs * 2 * channels)
    var cursors = MapCursors(consuming: false)
    let cursor = cursors.cursor(of: x)
    let reader = cursor.addReader()
    sums.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      nonisolated(unsafe) let sums = base
      for index in 0..<x.strips {
        let strip = cursor.strip(index)
        let rows = x.rows(ofStrip: index)
        let pixels = (rows.lowerBound * x.width)..<(rows.upperBound * x.width)
        let touched = (pixels.lowerBound / run)..<((pixels.upperBound + run - 1) / run)
        Parallel.forEach(touched.count) { place in
          let number = touched.lowerBound + place
          let part = pixels.clamped(to: (number * run)..<((number + 1) * run))
          let target = sums + number * 2 * channels
          fpq_column_sums(
            part.count, channels, strip.row(part.lowerBound - pixels.lowerBound), target,
            target + channels)
        }
        cursor.finish(before: rows.upperBound, reader: reader)
      }
    }
    let size = channels / groups
    let count = Double(size * area)
    var scale = weight
    var shift = bias
    for group in 0..<groups {
      var (sum, squares) = (0.0, 0.0)
      for channel in (group * size)..<((group + 1) * size) {
        for index in 0..<runs {
          sum += sums[index * 2 * channels + channel]
          squares += sums[(index * 2 + 1) * channels + channel]
        }
      }
      let mean = sum / count
      let reciprocal = 1 / (max(0, squares / count - mean * mean) + epsilon).squareRoot()
      for channel in (group * size)..<((group + 1) * size) {
        let factor = Double(weight[channel]) * reciprocal
        scale[channel] = Float(factor)
        shift[channel] = Float(Double(bias[channel]) - mean * factor)
      }
    }
    return ChannelTransform(scale: scale, shift: shift)
  }
}

/// `x * scale + shift` with one scale and shift per channel, what a norm amounts to once its
/// statistics are known.
package struct ChannelTransform: Sendable {
  package let scale: [Float]
  package let shift: [Float]

  /// The transformed map.
  package func callAsFunction(_ x: FeatureMap) -> FeatureMap {
    let y = FeatureMap(height: x.height, width: x.width, channels: x.channels)
    Parallel.chunks(of: x.pixels.rows, size: 256) { pixels in
      let first = pixels.lowerBound
      fpq_scale_shift(
        pixels.count, x.channels, scale, shift, x.pixels.row(first), y.pixels.row(first))
    }
    return y
  }
}
