import Foundation
import Platform

/// Many pictures on one, in rows, for looking at.
///
/// Pictures are read one after the other, so that the memory needed is that of the sheet and of one
/// of them.
package struct ContactSheet {
  /// Pictures side by side in a row; pairs stay together.
  package var columns = 8
  /// Pixels of the sheet for one of a picture.
  package var scale = 2
  /// Pixels that a sheet may have; with more, its pictures are made smaller.
  package var largestPixelCount = 1 << 26

  package init() {}

  /// Writes the sheet of `inputs` to `output`: PNG files in the order given, or, for two folders,
  /// pairs of equal names.
  ///
  /// - Throws: `Failure` for a picture that cannot be read, and for more of them than fit on a
  ///   sheet at any size.
  package func write(_ inputs: [String], to output: String) throws {
    let paths: [String]
    var pairs: [PicturePair] = []
    if inputs.count == 2 { pairs = try picturePairs(inputs[0], inputs[1]) }
    paths = pairs.isEmpty ? inputs : pairs.flatMap { [$0.a, $0.b] }
    var files = RunFiles()
    for path in paths { files.reads(path, "<pictures>") }
    files.writes(output, "--output")
    try files.check()
    let pictures = try paths.map(Picture.init)
    let file = try OutputFile(output)
    try file.write(compose(pictures, paired: !pairs.isEmpty).pngData())
    try file.commit()
  }

  /// Lays `pictures` out left to right, top to bottom, on white, with a gap between pictures and a
  /// wider one between pairs.
  private func compose(_ pictures: [Picture], paired: Bool) throws -> Image {
    let layout = try layout(pictures, paired: paired)
    var pixels = [UInt8](repeating: 255, count: layout.width * layout.height * 3)
    for (index, picture) in pictures.enumerated() {
      let image = try picture.image()
      let (left, top) = (layout.left(index % layout.perRow), layout.top(index / layout.perRow))
      for row in 0..<layout.side(image.height) {
        for column in 0..<layout.side(image.width) {
          let target = ((top + row) * layout.width + left + column) * 3
          for channel in 0..<3 {
            pixels[target + channel] = layout.value(image, row, column, channel)
          }
        }
      }
    }
    return Image(width: layout.width, height: layout.height, pixels: pixels)
  }

  /// The layout at the scale asked for, or the largest one below it at which the sheet is no larger
  /// than it may be.
  private func layout(_ pictures: [Picture], paired: Bool) throws -> SheetLayout {
    var layout = SheetLayout(
      cellWidth: pictures.map(\.width).max() ?? 1, cellHeight: pictures.map(\.height).max() ?? 1,
      count: pictures.count, perRow: max(1, min(columns, pictures.count)), paired: paired,
      scale: scale)
    func fits() -> Bool {
      let (count, overflow) = layout.width.multipliedReportingOverflow(by: layout.height)
      return !overflow && count <= largestPixelCount
        && max(layout.width, layout.height) <= 1_000_000
    }
    while !fits() {
      if layout.scale > 1 { layout.scale -= 1 } else { layout.divisor += 1 }
      // Every picture is a point then, and the gaps are what is left.
      guard layout.divisor <= 1 << 15 else {
        throw Failure(
          "sheet", "expected at most \(largestPixelCount) pixels, found \(pictures.count) pictures")
      }
    }
    if layout.scale < scale || layout.divisor > 1 {
      let size = layout.divisor > 1 ? "1/\(layout.divisor) of their size" : "scale \(layout.scale)"
      Console.say("sheet: pictures are drawn at \(size), as the sheet would be too large")
    }
    return layout
  }

  /// A picture to be put on a sheet, which is read when its turn comes.
  private struct Picture {
    let path: String
    let width: Int
    let height: Int
    /// Of a stream, which can be read only once.
    private let kept: Image?

    init(_ path: String) throws {
      self.path = path
      if let size = try Image.size(png: path) {
        (width, height, kept) = (size.width, size.height, nil)
      } else {
        let image = try Image(png: path)
        (width, height, kept) = (image.width, image.height, image)
      }
    }

    /// - Throws: `Failure` for one that cannot be read, or changed its size meanwhile.
    func image() throws -> Image {
      let image = try kept ?? Image(png: path)
      guard image.width == width, image.height == height else {
        throw Failure(
          path, "expected \(width)x\(height) pixels, found \(image.width)x\(image.height)")
      }
      return image
    }
  }
}

/// Where pictures lie on a sheet, and how large.
private struct SheetLayout {
  /// Pixels of the largest picture.
  let cellWidth: Int
  let cellHeight: Int
  let count: Int
  let perRow: Int
  let paired: Bool
  /// Pixels of the sheet for one of a picture.
  var scale: Int
  /// Pixels of a picture, along a side, for one of the sheet; 1 unless the scale is 1.
  var divisor = 1

  private var gap: Int { 2 * scale }
  private var wide: Int { 6 * scale }

  /// Pixels of the sheet for a side of `length` pixels.
  func side(_ length: Int) -> Int { (length + divisor - 1) / divisor * scale }

  func left(_ column: Int) -> Int {
    let wideGaps = paired ? column / 2 : column
    return wide + column * side(cellWidth) + wideGaps * wide + (column - wideGaps) * gap
  }

  func top(_ row: Int) -> Int { wide + row * (side(cellHeight) + wide) }

  var width: Int { left(perRow - 1) + side(cellWidth) + wide }
  var height: Int { top((count + perRow - 1) / perRow) }

  /// What stands at a place of the picture's part of the sheet: a pixel of the picture, or the mean
  /// of those that became one.
  func value(_ image: Image, _ row: Int, _ column: Int, _ channel: Int) -> UInt8 {
    guard divisor > 1 else {
      return image.pixels[(row / scale * image.width + column / scale) * 3 + channel]
    }
    let rows = (row * divisor)..<min(image.height, (row + 1) * divisor)
    let columns = (column * divisor)..<min(image.width, (column + 1) * divisor)
    var sum = 0
    for y in rows {
      for x in columns { sum += Int(image.pixels[(y * image.width + x) * 3 + channel]) }
    }
    let count = rows.count * columns.count
    return UInt8((sum + count / 2) / count)
  }
}
