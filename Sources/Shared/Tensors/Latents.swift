/// Pictures in the space in which a diffusion model draws them, or what it predicts there.
package struct Latents: Sendable, Equatable {
  package let samples: Int
  package let channels: Int
  package let height: Int
  package let width: Int
  /// [samples][channels][height][width].
  package var values: [Float]

  package init(samples: Int = 1, channels: Int, height: Int, width: Int, values: [Float]) {
    precondition(
      values.count == samples * channels * height * width,
      "\(values.count) values for \(samples) x \(channels) x \(height) x \(width)")
    (self.samples, self.channels, self.height, self.width) = (samples, channels, height, width)
    self.values = values
  }

  /// Of one sample.
  package var shape: [Int] { [channels, height, width] }

  /// Values of one sample.
  package var size: Int { channels * height * width }

  /// The first `count` channels of sample `index`.
  package func sample(_ index: Int, channels count: Int) -> Latents {
    let kept = count * height * width
    return Latents(
      channels: count, height: height, width: width,
      values: Array(values[(index * size)..<(index * size + kept)]))
  }

  /// The same values as `count` samples, one like the other.
  package func repeated(_ count: Int) -> Latents {
    Latents(
      samples: samples * count, channels: channels, height: height, width: width,
      values: count == 1 ? values : Array((0..<count).map { _ in values }.joined()))
  }

  /// Other values of this shape.
  package func with(_ values: [Float]) -> Latents {
    Latents(samples: samples, channels: channels, height: height, width: width, values: values)
  }
}
