import Foundation
import Platform

/// Many pictures on one, in rows, for looking at.
package struct ContactSheet {
  /// Pictures side by side in a row; pairs stay together.
  package var columns = 8
  /// Pixels of the sheet for one of a picture.
  package var scale = 2

  package init() {}

  /// Writes the sheet of `inputs` to `output`: PNG files in the order given, or, for two folders,
  /// pairs of equal names.
  package func write(_ inputs: [String], to output: String) throws {
    let paths: [String]
    var pairs: [PicturePair] = []
    if inputs.count == 2 { pairs = try picturePairs(inputs[0], inputs[1]) }
    paths = pairs.isEmpty ? inputs : pairs.flatMap { [$0.a, $0.b] }
    var files = RunFiles()
    for path in paths { files.reads(path, "<pictures>") }
    files.writes(output, "--output")
    try files.check()
    let images = try paths.map { try Image(png: $0) }
    let file = try OutputFile(output)
    try file.write(compose(images, paired: !pairs.isEmpty).pngData())
    try file.commit()
  }

  /// Lays `images` out left to right, top to bottom, on white, with a gap between pictures and a
  /// wider one between pairs.
  func compose(_ images: [Image], paired: Bool) -> Image {
    let cellWidth = (images.map(\.width).max() ?? 1) * scale
    let cellHeight = (images.map(\.height).max() ?? 1) * scale
    let perRow = max(1, min(columns, images.count))
    let rows = (images.count + perRow - 1) / perRow
    let (gap, wide) = (2 * scale, 6 * scale)
    func left(_ column: Int) -> Int {
      let wideGaps = paired ? column / 2 : column
      return wide + column * cellWidth + wideGaps * wide + (column - wideGaps) * gap
    }
    let width = left(perRow - 1) + cellWidth + wide
    let height = wide + rows * (cellHeight + wide)
    var pixels = [UInt8](repeating: 255, count: width * height * 3)
    for (index, image) in images.enumerated() {
      let x = left(index % perRow)
      let y = wide + index / perRow * (cellHeight + wide)
      for row in 0..<(image.height * scale) {
        for column in 0..<(image.width * scale) {
          let source = (row / scale * image.width + column / scale) * 3
          let target = ((y + row) * width + x + column) * 3
          for channel in 0..<3 { pixels[target + channel] = image.pixels[source + channel] }
        }
      }
    }
    return Image(width: width, height: height, pixels: pixels)
  }
}
