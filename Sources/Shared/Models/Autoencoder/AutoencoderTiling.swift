import Kernels
import Platform
import Tensors

/// Decoding in overlapping tiles that are blended, as diffusers' `AutoencoderKL.tiled_decode`: less
/// memory, a slightly different picture.
extension AutoencoderKL {
  /// As `decode` for one sample, in tiles of the size the model was trained on that overlap by a
  /// quarter.
  ///
  /// - Parameter latents: of one sample.
  /// - Returns: [out channels][height * downsampling][width * downsampling].
  /// - Throws: `Failure` when the model's `sample_size` cannot be cut into quarters of whole
  ///   latents.
  package func decodeTiled(_ latents: Latents) throws -> [Float] {
    let (height, width) = (latents.height, latents.width)
    let unit = 4 * config.downsampling
    guard config.sampleSize % unit == 0 else {
      throw Failure(
        "tiled decoding: expected a VAE sample_size that is a multiple of \(unit), "
          + "found \(config.sampleSize)")
    }
    let side = config.sampleSize / config.downsampling
    if height <= side && width <= side {
      return decode(latents)
    }
    let step = side * 3 / 4
    let blend = config.sampleSize / 4
    let kept = config.sampleSize - blend
    let picture = FeatureMap(
      height: height * config.downsampling, width: width * config.downsampling,
      channels: config.outChannels)
    var above: [FeatureMap] = []
    for top in stride(from: 0, to: height, by: step) {
      var row: [FeatureMap] = []
      for left in stride(from: 0, to: width, by: step) {
        let tile = decodeTile(
          latents, rows: top..<min(height, top + side), columns: left..<min(width, left + side))
        if top > 0 { blendDown(from: above[row.count], into: tile, extent: blend) }
        if let beside = row.last { blendRight(from: beside, into: tile, extent: blend) }
        let (y, x) = (top / step * kept, left / step * kept)
        for line in 0..<min(kept, tile.height) {
          picture.pixels.row((y + line) * picture.width + x).update(
            from: tile.pixels.row(line * tile.width),
            count: min(kept, tile.width) * tile.channels)
        }
        row.append(tile)
      }
      above = row
    }
    return picture.planes
  }

  private func decodeTile(
    _ latents: Latents, rows: Range<Int>, columns: Range<Int>
  ) -> FeatureMap {
    var planes: [Float] = []
    for channel in 0..<config.latentChannels {
      for row in rows {
        let start = (channel * latents.height + row) * latents.width
        planes += latents.values[(start + columns.lowerBound)..<(start + columns.upperBound)]
          .map { $0 / config.scalingFactor }
      }
    }
    return decoder(
      FeatureMap(planes: planes[...], height: rows.count, width: columns.count),
      within: memoryLimit, observer: nil)
  }

  /// Fades the last rows of `upper` into the first rows of `lower`, in place.
  private func blendDown(from upper: FeatureMap, into lower: FeatureMap, extent: Int) {
    let extent = min(extent, upper.height, lower.height)
    let count = lower.width * lower.channels
    for y in 0..<extent {
      let source = upper.pixels.row((upper.height - extent + y) * upper.width)
      let target = lower.pixels.row(y * lower.width)
      mix(source, into: target, count: count, weight: Float(Double(y) / Double(extent)))
    }
  }

  /// Fades the last columns of `left` into the first columns of `right`, in place.
  private func blendRight(from left: FeatureMap, into right: FeatureMap, extent: Int) {
    let extent = min(extent, left.width, right.width)
    for y in 0..<right.height {
      for x in 0..<extent {
        let source = left.pixels.row(y * left.width + left.width - extent + x)
        let target = right.pixels.row(y * right.width + x)
        mix(
          source, into: target, count: right.channels, weight: Float(Double(x) / Double(extent)))
      }
    }
  }

  /// target = source * (1 - weight) + target * weight.
  private func mix(
    _ source: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>, count: Int,
    weight: Float
  ) {
    for i in 0..<count { target[i] = source[i] * (1 - weight) + target[i] * weight }
  }
}
