import Platform

/// The sizes that Hunyuan-DiT was trained on (`SUPPORTED_SHAPE` of its pipeline in diffusers).
package enum StandardShapes {
  /// The model's `sample_size` that the table is for, in latent pixels.
  package static let sampleSize = 128

  /// By width over height; of the areas of one ratio, and of the ratios, the first of equally near
  /// ones is taken.
  private static let table: [(ratio: Double, shapes: [ResolutionBin])] = [
    (1, [shape(1024, 1024), shape(1280, 1280)]),
    (4.0 / 3, [shape(1024, 768), shape(1152, 864), shape(1280, 960)]),
    (3.0 / 4, [shape(768, 1024), shape(864, 1152), shape(960, 1280)]),
    (16.0 / 9, [shape(1280, 768)]),
    (9.0 / 16, [shape(768, 1280)]),
  ]

  private static func shape(_ width: Int, _ height: Int) -> ResolutionBin {
    ResolutionBin(height: height, width: width)
  }

  /// `size` if it is one of them, else the one of the nearest ratio and then area
  /// (`map_to_standard_shapes`).
  ///
  /// - Throws: `Failure` for a size that is not positive.
  package static func nearest(_ size: ResolutionBin) throws -> ResolutionBin {
    guard size.height > 0, size.width > 0 else {
      throw Failure("expected a positive image size, found \(size.width)x\(size.height)")
    }
    let all = table.flatMap(\.shapes)
    if all.contains(size) { return size }
    let (ratio, area) = (Double(size.width) / Double(size.height), size.width * size.height)
    let shapes = table.min { abs($0.ratio - ratio) < abs($1.ratio - ratio) }?.shapes ?? all
    return shapes.min {
      abs($0.width * $0.height - area) < abs($1.width * $1.height - area)
    } ?? size
  }
}
