import Platform

/// The sizes a PixArt model was trained on, and the way back from one to the requested size
/// (diffusers `PixArtImageProcessor`).
package struct ResolutionBin: Equatable, Sendable {
  /// Pixels.
  package let height: Int
  package let width: Int

  /// The `sample_size`s with a table.
  package static let sampleSizes: Set = [32, 64, 128, 256]

  package init(height: Int, width: Int) {
    self.height = height
    self.width = width
  }

  /// The bin with the aspect ratio nearest to `height` / `width`.
  ///
  /// - Parameters:
  ///   - height: asked for, in pixels.
  ///   - width: asked for, in pixels.
  ///   - sampleSize: the model's `sample_size` in latent pixels: 32, 64, 128 or 256.
  /// - Returns: the size to sample.
  /// - Throws: `Failure` for a sample size without a table, or a size that is not positive.
  package static func nearest(height: Int, width: Int, sampleSize: Int) throws -> ResolutionBin {
    guard height > 0, width > 0 else {
      throw Failure("expected a positive image size, found \(width)x\(height)")
    }
    let ratio = Double(height) / Double(width)
    // The first of equally near ratios, as Python's `min` takes it.
    let nearest = table(sampleSize: sampleSize).min {
      abs($0.ratio - ratio) < abs($1.ratio - ratio)
    }
    guard let nearest else {
      throw Failure("sample_size: expected 32, 64, 128 or 256 for binning, found \(sampleSize)")
    }
    return nearest.bin
  }

  /// The sizes with their aspect ratios, ascending; none for a sample size without a table.
  private static func table(sampleSize: Int) -> [(ratio: Double, bin: ResolutionBin)] {
    let base = base1024.map { ($0, ResolutionBin(height: $1, width: $2)) }
    func scaled(_ numerator: Int, _ denominator: Int) -> [(Double, ResolutionBin)] {
      base.map {
        (
          $0,
          ResolutionBin(
            height: $1.height * numerator / denominator, width: $1.width * numerator / denominator)
        )
      }
    }
    switch sampleSize {
    case 32: return scaled(1, 4)
    case 64: return scaled(1, 2)
    case 128: return base
    case 256:
      let more = only2048.map { ($0, ResolutionBin(height: $1, width: $2)) }
      return (scaled(2, 1) + more).sorted { $0.0 < $1.0 }
    default: return []
    }
  }

  /// `ASPECT_RATIO_1024_BIN`: height / width, height, width.
  private static let base1024: [(Double, Int, Int)] = [
    (0.25, 512, 2048), (0.28, 512, 1856), (0.32, 576, 1792), (0.33, 576, 1728), (0.35, 576, 1664),
    (0.4, 640, 1600), (0.42, 640, 1536), (0.48, 704, 1472), (0.5, 704, 1408), (0.52, 704, 1344),
    (0.57, 768, 1344), (0.6, 768, 1280), (0.68, 832, 1216), (0.72, 832, 1152), (0.78, 896, 1152),
    (0.82, 896, 1088), (0.88, 960, 1088), (0.94, 960, 1024), (1, 1024, 1024), (1.07, 1024, 960),
    (1.13, 1088, 960), (1.21, 1088, 896), (1.29, 1152, 896), (1.38, 1152, 832), (1.46, 1216, 832),
    (1.67, 1280, 768), (1.75, 1344, 768), (2, 1408, 704), (2.09, 1472, 704), (2.4, 1536, 640),
    (2.5, 1600, 640), (3, 1728, 576), (4, 2048, 512),
  ]

  /// What `ASPECT_RATIO_2048_BIN` has beside twice the sizes above.
  private static let only2048: [(Double, Int, Int)] = [
    (0.26, 1024, 3968), (0.27, 1024, 3840), (2.89, 3328, 1152), (3.11, 3584, 1152),
    (3.62, 3712, 1024), (3.75, 3840, 1024), (3.88, 3968, 1024),
  ]
}
