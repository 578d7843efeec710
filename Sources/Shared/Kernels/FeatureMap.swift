import Tensors

/// A picture of channels inside a convolutional network: [height][width][channels], one row of
/// `pixels` a pixel.
///
/// Channels last, because then a window of a convolution is a few contiguous runs and a 1x1
/// convolution is a plain product.
package struct FeatureMap: Sendable {
  package let height: Int
  package let width: Int
  /// [height * width][channels].
  package let pixels: Matrix

  package var channels: Int { pixels.columns }

  /// Memory for a map, not initialized.
  package init(height: Int, width: Int, channels: Int) {
    self.init(
      height: height, width: width, pixels: Matrix(rows: height * width, columns: channels))
  }

  /// Views rows [height * width][channels] as a map.
  package init(height: Int, width: Int, pixels: Matrix) {
    precondition(pixels.rows == height * width, "\(pixels.rows) rows for \(width)x\(height)")
    self.height = height
    self.width = width
    self.pixels = pixels
  }

  /// From planes [channels][height][width].
  package init(planes: ArraySlice<Float>, height: Int, width: Int) {
    let area = height * width
    let channels = planes.count / area
    self.init(height: height, width: width, channels: channels)
    for (channel, plane) in stride(from: planes.startIndex, to: planes.endIndex, by: area)
      .enumerated()
    {
      for pixel in 0..<area { pixels.row(pixel)[channel] = planes[plane + pixel] }
    }
  }

  /// As planes [channels][height][width].
  package var planes: [Float] {
    let area = height * width
    var planes = [Float](repeating: 0, count: area * channels)
    for channel in 0..<channels {
      for pixel in 0..<area { planes[channel * area + pixel] = pixels.row(pixel)[channel] }
    }
    return planes
  }
}
