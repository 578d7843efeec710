import Foundation
import Platform
import TestSupport
import Testing

private func gradient(width: Int = 37, height: Int = 23) -> Image {
  Image(
    width: width, height: height,
    pixels: (0..<(width * height * 3)).map { UInt8(truncatingIfNeeded: $0 * $0 / 7) })
}

@Test func `a picture comes back as it was`() throws {
  for (width, height) in [(1, 1), (37, 23), (256, 3), (1, 999)] {
    let image = gradient(width: width, height: height)
    #expect(try Image(pngBytes: try image.pngData(), place: "x") == image)
    #expect(try image.pngData() == image.pngData())
  }
  // Noise does not compress: the file is larger than the pixels.
  var state: UInt64 = 1
  let noise = (0..<(512 * 512 * 3)).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return UInt8(truncatingIfNeeded: state >> 56)
  }
  let image = Image(width: 512, height: 512, pixels: noise)
  let bytes = try image.pngData()
  #expect(bytes.count > noise.count)
  #expect(try Image(pngBytes: bytes, place: "noise") == image)
}

@Test func `text survives in any language`() throws {
  let texts = [
    ("parameters", "a red heart\nSteps: 20, Seed: 1"), ("latin", "größe ÿ"),
    ("parameters", "红心 ❤️ 😀"), ("empty", ""), ("control", "a\u{85}b"), ("nul", "a\u{0}b"),
  ]
  let bytes = try gradient().pngData(text: texts.map { (key: $0.0, value: $0.1) })
  let found = PNGChunks.text(in: bytes)
  #expect(found.map(\.key) == texts.map(\.0))
  #expect(found.map(\.value) == texts.dropLast().map(\.1) + ["a\u{FFFD}b"])
  #expect(try Image(pngBytes: bytes, place: "x") == gradient())
}

/// Golden bytes by Pillow 13.0, without its IHDR, IDAT and IEND.
///
///     info = PngInfo(); info.add_text("parameters", "größe"); info.add_itxt("prompt", "红心")
///     Image.new("RGB", (1, 1)).save(file, pnginfo=info)
@Test func `chunks are the bytes that Pillow writes`() throws {
  let bytes = try gradient().pngData(text: [("parameters", "größe"), ("prompt", "红心")])
  let golden: [UInt8] = [
    0, 0, 0, 16, 116, 69, 88, 116, 112, 97, 114, 97, 109, 101, 116, 101, 114, 115, 0, 103, 114, 246,
    223, 101, 184, 180, 18, 118, 0, 0, 0, 17, 105, 84, 88, 116, 112, 114, 111, 109, 112, 116, 0, 0,
    0, 0, 0, 231, 186, 162, 229, 191, 131, 20, 55, 49, 100,
  ]
  #expect(Array(bytes[33..<(33 + golden.count)]) == golden)
}

@Test func `keywords that PNG does not have are refused`() throws {
  for key in ["", "红", String(repeating: "x", count: 80), "a\u{0}"] {
    #expect(throws: Failure.self) { try gradient().pngData(text: [(key, "text")]) }
  }
}

/// What PNG viewers see in the file: no time, nothing but these chunks.
@Test func `the chunks of a file`() throws {
  let bytes = try gradient().pngData(text: [("parameters", "x")])
  var types: [String] = []
  var at = 8
  while at < bytes.count {
    types.append(String(decoding: bytes[(at + 4)..<(at + 8)], as: UTF8.self))
    at += 12 + bytes[at..<(at + 4)].reduce(0) { $0 << 8 | Int($1) }
  }
  #expect(types == ["IHDR", "tEXt", "sRGB", "IDAT", "IEND"])
}

@Test func `a damaged PNG is refused or read`() throws {
  let bytes = try gradient(width: 7, height: 5).pngData(text: [("parameters", "红心")])
  for length in 0..<(bytes.count - 12) {
    #expect(throws: Failure.self, "cut to \(length)") {
      try Image(pngBytes: Array(bytes[..<length]), place: "x")
    }
  }
  var refused = 0
  for position in bytes.indices {
    for flip: UInt8 in [1, 16, 128, 255] {
      var damaged = bytes
      damaged[position] ^= flip
      _ = PNGChunks.text(in: damaged)
      do { _ = try Image(pngBytes: damaged, place: "x") } catch is Failure { refused += 1 }
    }
  }
  #expect(refused > bytes.count)
}

@Test func `files that are no PNG`() throws {
  let folder = try TemporaryFolder()
  let text = try folder.write("a.png", "hello, world".utf8)
  #expect(throws: Failure(text, "expected a PNG image, found another file")) {
    try Image(png: text)
  }
  #expect(throws: Failure(folder.path, "expected a PNG image, found a folder")) {
    try Image(png: folder.path)
  }
  #expect(throws: Failure(folder.file("b.png"), "expected a PNG image, found none")) {
    try Image(png: folder.file("b.png"))
  }
  let sheet = try Image(png: References.path("emoji-pixart/sheet.png"))
  #expect(sheet.pixels.count == sheet.width * sheet.height * 3)
}
