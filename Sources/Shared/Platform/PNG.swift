import CPNG

/// An 8-bit RGB picture, read from and written to PNG by libpng.
///
/// Through libpng's simplified interface (`png_image_…`), which reports errors by return value: the
/// classic one leaves by longjmp, which Swift frames do not survive. It writes no text, so
/// `PNGChunks` puts the text chunks in.
package struct Image: Equatable, Sendable {
  package let width: Int
  package let height: Int
  /// [height][width][3], red, green, blue.
  package let pixels: [UInt8]

  /// Pictures above this are refused: a few bytes of a hostile file could ask for terabytes.
  package static let largestPixelCount = 1 << 28

  package init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(pixels.count == width * height * 3, "\(pixels.count) bytes for \(width)x\(height)")
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// Reads the file at `path`, or stdin for `-`.
  package init(png path: String) throws {
    let (bytes, place) = try Image.contents(png: path)
    try self.init(pngBytes: bytes, place: place)
  }

  /// The size that the header of the file at `path` says, nil for a stream, which stays as it is.
  ///
  /// - Throws: `Failure` for another file than a PNG, and for more pixels than are read.
  package static func size(png path: String) throws -> (width: Int, height: Int)? {
    let input = try InputFile(path, kind: "a PNG image")
    defer { input.finish() }
    guard input.size != nil, path != "-" else { return nil }
    let start = try input.read(atMost: PNGChunks.sizeEnd)
    guard let size = PNGChunks.size(in: start) else {
      throw Failure(input.place, "expected a PNG image, found another file")
    }
    guard size.width * size.height <= largestPixelCount else {
      throw Failure(
        input.place,
        "expected at most \(largestPixelCount) pixels, found \(size.width)x\(size.height)")
    }
    return size
  }

  /// The bytes of a file that starts as a PNG does, and its name for messages.
  package static func contents(png path: String) throws -> (bytes: [UInt8], place: String) {
    let input = try InputFile(path, kind: "a PNG image")
    defer { input.finish() }
    let start = try input.read(atMost: 8)
    guard start == PNGChunks.signature else {
      throw Failure(input.place, "expected a PNG image, found another file")
    }
    // A picture of the largest size and more text than pictures have.
    return (start + (try input.read(atMost: 3 * largestPixelCount)), input.place)
  }

  /// Any colour type and depth: grey becomes three equal channels, 16 bits become 8, alpha is
  /// dropped.
  package init(pngBytes bytes: [UInt8], place: String) throws {
    try PNGChunks.check(bytes, place: place)
    var image = png_image()
    image.version = png_uint_32(PNG_IMAGE_VERSION)
    defer { png_image_free(&image) }
    func check(_ succeeded: Int32) throws {
      if succeeded == 0 { throw Failure(place, "cannot be read as PNG: \(Image.message(image))") }
    }
    // Alpha is read and left out afterwards; without this libpng would blend with a background.
    var rgba: [UInt8] = []
    try bytes.withUnsafeBytes { bytes in
      try check(png_image_begin_read_from_memory(&image, bytes.baseAddress, bytes.count))
      let count = UInt64(image.width) * UInt64(image.height)
      guard count <= UInt64(Image.largestPixelCount) else {
        throw Failure(
          place,
          "expected at most \(Image.largestPixelCount) pixels, found \(image.width)x\(image.height)"
        )
      }
      image.format = png_uint_32(PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_ALPHA)
      image.flags |= png_uint_32(PNG_IMAGE_FLAG_16BIT_sRGB)
      rgba = try [UInt8](unsafeUninitializedCapacity: Int(count) * 4) { buffer, initialized in
        try check(png_image_finish_read(&image, nil, buffer.baseAddress, 0, nil))
        initialized = Int(count) * 4
      }
    }
    let count = Int(image.width) * Int(image.height)
    let rgb = [UInt8](unsafeUninitializedCapacity: count * 3) { buffer, initialized in
      for pixel in 0..<count {
        for channel in 0..<3 { buffer[pixel * 3 + channel] = rgba[pixel * 4 + channel] }
      }
      initialized = count * 3
    }
    self.init(width: Int(image.width), height: Int(image.height), pixels: rgb)
  }

  /// The picture as a PNG file with `text` chunks; the same bytes for the same input.
  package func pngData(text: [(key: String, value: String)] = []) throws -> [UInt8] {
    var image = png_image()
    image.version = png_uint_32(PNG_IMAGE_VERSION)
    image.width = png_uint_32(width)
    image.height = png_uint_32(height)
    image.format = png_uint_32(PNG_FORMAT_FLAG_COLOR)
    defer { png_image_free(&image) }
    // Deflate cannot grow data by more than a few bytes in each of the 8 KB pieces that libpng
    // writes.
    let capacity = pixels.count + height + pixels.count / 64 + (1 << 16)
    let bytes = try [UInt8](unsafeUninitializedCapacity: capacity) { buffer, initialized in
      var size = png_alloc_size_t(capacity)
      let succeeded = png_image_write_to_memory(
        &image, buffer.baseAddress, &size, 0, pixels, 0, nil)
      guard succeeded != 0 else {
        throw Failure("\(width)x\(height) picture cannot become a PNG: \(Image.message(image))")
      }
      initialized = Int(size)
    }
    return try PNGChunks.inserting(text, into: bytes)
  }

  private static func message(_ image: png_image) -> String {
    withUnsafeBytes(of: image.message) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  }
}
