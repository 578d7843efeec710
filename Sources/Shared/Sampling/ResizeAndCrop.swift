import Platform

/// A picture made at a bin's size, brought to the requested one: resized to cover it, then cut
/// around the center.
///
/// Bilinear without antialiasing, `torch.nn.functional.interpolate(align_corners=False)`, in f32.
///
/// - Parameters:
///   - image: [channels][height][width].
///   - height: of `image`.
///   - width: of `image`.
///   - target: the requested size.
/// - Returns: [channels][target.height][target.width].
package func resizedAndCropped(
  _ image: [Float], height: Int, width: Int, to target: ResolutionBin
) -> [Float] {
  precondition(
    height > 0 && width > 0 && image.count % (height * width) == 0,
    "\(image.count) values are no picture of \(width)x\(height)")
  if height == target.height && width == target.width { return image }
  let ratio = max(
    Double(target.height) / Double(height), Double(target.width) / Double(width))
  // Python truncates; where that loses a pixel to rounding, the target must still be covered.
  let resizedHeight = max(target.height, Int(clamping: Double(height) * ratio))
  let resizedWidth = max(target.width, Int(clamping: Double(width) * ratio))
  let rows = taps(from: height, to: resizedHeight)
    .dropFirst((resizedHeight - target.height) / 2).prefix(target.height)
  let columns = taps(from: width, to: resizedWidth)
    .dropFirst((resizedWidth - target.width) / 2).prefix(target.width)
  var result: [Float] = []
  result.reserveCapacity(image.count / (height * width) * rows.count * columns.count)
  for channel in 0..<(image.count / (height * width)) {
    let start = channel * height * width
    for row in rows {
      let (top, bottom) = (start + row.low * width, start + row.high * width)
      for column in columns {
        let above =
          image[top + column.low] * (1 - column.part) + image[top + column.high] * column.part
        let below =
          image[bottom + column.low] * (1 - column.part) + image[bottom + column.high] * column.part
        result.append(above * (1 - row.part) + below * row.part)
      }
    }
  }
  return result
}

/// For every output position the two input positions it lies between, and how far on.
private func taps(from input: Int, to output: Int) -> [(low: Int, high: Int, part: Float)] {
  let scale = Float(input) / Float(output)
  return (0..<output).map { position in
    let center = max(0, scale * (Float(position) + 0.5) - 0.5)
    let low = min(Int(clamping: center), input - 1)
    return (low, min(low + 1, input - 1), min(max(0, center - Float(low)), 1))
  }
}
