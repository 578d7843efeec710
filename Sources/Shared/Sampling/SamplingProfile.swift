import Platform

/// What a family's pipelines in diffusers do unless they are told otherwise.
package struct SamplingProfile: Sendable {
  package let steps: Int
  package let guidanceScale: Float
  package let sizes: SizePolicy

  package init(steps: Int, guidanceScale: Float, sizes: SizePolicy) {
    (self.steps, self.guidanceScale, self.sizes) = (steps, guidanceScale, sizes)
  }
}

/// What becomes of a size that a model was not trained on.
package enum SizePolicy: Sendable {
  /// PixArt: the size of the nearest aspect ratio is sampled, then resized and cropped to what was
  /// asked for.
  case aspectRatioBins
  /// Hunyuan-DiT: sides are cut to multiples of the unit, and the nearest of its standard shapes is
  /// both sampled and returned.
  case standardShapes

  /// The size that is sampled and the one that comes out.
  ///
  /// - Parameters:
  ///   - asked: in pixels.
  ///   - sampleSize: the model's own, in latent pixels; sizes without a table (of small models for
  ///     tests) are sampled as they are.
  ///   - unit: the pixels that sides must be multiples of.
  ///   - binning: whether sizes are mapped at all.
  /// - Returns: both, sides multiples of the unit where they are sampled.
  /// - Throws: `Failure` for a size that is not positive, or has no multiple of the unit.
  package func sizes(
    for asked: ResolutionBin, sampleSize: Int, unit: Int, binning: Bool
  ) throws -> (sampled: ResolutionBin, output: ResolutionBin) {
    let expected = "expected multiples of \(unit) up to 8192"
    // Before binning too: a picture is resized to any size that is asked for.
    guard [asked.width, asked.height].allSatisfy({ (1...8192).contains($0) }) else {
      throw Failure("size \(asked.width)x\(asked.height): \(expected)")
    }
    let mapped: (sampled: ResolutionBin, output: ResolutionBin)
    switch self {
    case .aspectRatioBins:
      let hasBins = binning && ResolutionBin.sampleSizes.contains(sampleSize)
      let sampled =
        hasBins
        ? try ResolutionBin.nearest(
          height: asked.height, width: asked.width, sampleSize: sampleSize) : asked
      mapped = (sampled, asked)
    case .standardShapes:
      let cut = ResolutionBin(
        height: asked.height / unit * unit, width: asked.width / unit * unit)
      let size =
        binning && sampleSize == StandardShapes.sampleSize ? try StandardShapes.nearest(cut) : cut
      mapped = (size, size)
    }
    let sides = [mapped.sampled.width, mapped.sampled.height]
    guard sides.allSatisfy({ $0 > 0 && $0 % unit == 0 && $0 <= 8192 }) else {
      throw Failure("size \(asked.width)x\(asked.height): \(expected)")
    }
    return mapped
  }
}
