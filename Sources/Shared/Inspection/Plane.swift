import Platform

/// One channel of a picture as numbers, [height][width].
struct Plane {
  let width: Int
  let height: Int
  var values: [Double]

  init(width: Int, height: Int, values: [Double]) {
    self.width = width
    self.height = height
    self.values = values
  }

  init(_ image: Image, channel: Int) {
    self.init(
      width: image.width, height: image.height,
      values: (0..<(image.width * image.height)).map { Double(image.pixels[$0 * 3 + channel]) })
  }

  /// Luma of ITU-R BT.601.
  init(luma image: Image) {
    self.init(width: image.width, height: image.height, values: [])
    let weights = [0.299, 0.587, 0.114]
    values = (0..<(width * height)).map { pixel in
      (0..<3).reduce(0) { $0 + weights[$1] * Double(image.pixels[pixel * 3 + $1]) }
    }
  }

  /// The variance over the inner pixels of the 3x3 Laplacian, [0 1 0; 1 -4 1; 0 1 0].
  var laplacianVariance: Double {
    var (sum, squares) = (0.0, 0.0)
    for y in 1..<(height - 1) {
      for x in 1..<(width - 1) {
        let at = y * width + x
        let value =
          values[at - width] + values[at - 1] + values[at + 1] + values[at + width] - 4 * values[at]
        sum += value
        squares += value * value
      }
    }
    let count = Double((width - 2) * (height - 2))
    return squares / count - sum / count * (sum / count)
  }
}
