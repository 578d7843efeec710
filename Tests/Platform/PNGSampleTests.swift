import Foundation
import Platform
import TestSupport
import Testing

/// One small PNG of each colour type and the RGB values Pillow reads in it.
///
/// Made with Pillow 13.0: `a = numpy.random.default_rng(0).integers(0, 256, (3, 5, 4),
/// dtype=numpy.uint8)`, images `fromarray(a[..., :3])`, `fromarray(a)`, `fromarray(a[..., 0])`,
/// `.convert("LA")`, `.quantize(16)`, `.convert("1")`, each saved as PNG, then
/// `list(Image.open(file).convert("RGB").tobytes())`.
struct PNGSample: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let base64: String
  let pixels: [UInt8]

  static let all = [
    PNGSample(
      testDescription: "rgb",
      base64: "iVBORw0KGgoAAAANSUhEUgAAAAUAAAADCAIAAADUVFKvAAAAO0lEQVR4nAEwAM//AF+Cws/rDyHX"
        + "2fi9ELjozQCpPX0d8EK2Jzs7Ud54ejIBThxAKz1qBllD8slf1B82NAUVKvhjll4AAAAASUVORK5C"
        + "YII=",
      pixels: [
        95, 130, 194, 207, 235, 15, 33, 215, 217, 248, 189, 16, 184, 232, 205, 169, 61, 125, 29,
        240, 66, 182, 39, 59, 59, 81, 222, 120, 122, 50, 78, 28, 64, 121, 89, 170, 127, 178, 237,
        113, 123, 76, 69, 154, 130,
      ]),
    PNGSample(
      testDescription: "rgba",
      base64: "iVBORw0KGgoAAAANSUhEUgAAAAUAAAADCAYAAABbNsX4AAAASklEQVR4nAE/AMD/AF+CwtnP6w+j"
        + "IdfZgvi9EEW46M1OAKk9fQod8EITtic7BDtR3ix4ejLQAU4cQKYrPWpDBllDl/LJXxvUHzZdpmAa"
        + "0LSi55oAAAAASUVORK5CYII=",
      pixels: [
        95, 130, 194, 207, 235, 15, 33, 215, 217, 248, 189, 16, 184, 232, 205, 169, 61, 125, 29,
        240, 66, 182, 39, 59, 59, 81, 222, 120, 122, 50, 78, 28, 64, 121, 89, 170, 127, 178, 237,
        113, 123, 76, 69, 154, 130,
      ]),
    PNGSample(
      testDescription: "grey",
      base64: "iVBORw0KGgoAAAANSUhEUgAAAAUAAAADCAAAAAB+XZokAAAAG0lEQVR4nGOIP6/4YwfDStlt1hWM"
        + "ftpsn64AAEUVB3U80fCzAAAAAElFTkSuQmCC",
      pixels: [
        95, 95, 95, 207, 207, 207, 33, 33, 33, 248, 248, 248, 184, 184, 184, 169, 169, 169, 29, 29,
        29, 182, 182, 182, 59, 59, 59, 120, 120, 120, 78, 78, 78, 121, 121, 121, 127, 127, 127, 113,
        113, 113, 69, 69, 69,
      ]),
    PNGSample(
      testDescription: "greyalpha",
      base64: "iVBORw0KGgoAAAANSUhEUgAAAAUAAAADCAQAAADxPw1zAAAAKklEQVR4nGOsv+l96vp9qcMynCzP"
        + "DC9zbv/IpiG+hOXUHHbn0OmnpLk1APhuDWcBj8NrAAAAAElFTkSuQmCC",
      pixels: [
        127, 127, 127, 202, 202, 202, 161, 161, 161, 187, 187, 187, 215, 215, 215, 101, 101, 101,
        157, 157, 157, 84, 84, 84, 90, 90, 90, 113, 113, 113, 47, 47, 47, 108, 108, 108, 169, 169,
        169, 115, 115, 115, 126, 126, 126,
      ]),
    PNGSample(
      testDescription: "palette",
      base64: "iVBORw0KGgoAAAANSUhEUgAAAAUAAAADBAMAAACpGNjLAAAALVBMVEW46M3P6w/4vRB/su1fgsIh"
        + "19kd8EJFmoJxe0x4ejJ5Wao7Ud6pPX22JztOHEDO0gqwAAAAFElEQVR4nGNwDGJgPCa6lfGVnwUA"
        + "ExoDlg6RzkIAAAAASUVORK5CYII=",
      pixels: [
        95, 130, 194, 207, 235, 15, 33, 215, 217, 248, 189, 16, 184, 232, 205, 169, 61, 125, 29,
        240, 66, 182, 39, 59, 59, 81, 222, 120, 122, 50, 78, 28, 64, 121, 89, 170, 127, 178, 237,
        113, 123, 76, 69, 154, 130,
      ]),
    PNGSample(
      testDescription: "bits",
      base64: "iVBORw0KGgoAAAANSUhEUgAAAAUAAAADAQAAAABzTfhVAAAADklEQVR4nGOIYPJgCAAAAu4A8+0F"
        + "aZEAAAAASUVORK5CYII=",
      pixels: [
        0, 0, 0, 255, 255, 255, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 255,
        255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 0, 0, 0, 255, 255, 255, 0, 0, 0,
      ]),
  ]
}

@Test(arguments: PNGSample.all)
func `every colour type reads as Pillow reads it`(_ sample: PNGSample) throws {
  let bytes = try #require(Data(base64Encoded: sample.base64))
  let image = try Image(pngBytes: Array(bytes), place: sample.testDescription)
  #expect(image == Image(width: 5, height: 3, pixels: sample.pixels))
}

/// The rows hold 0, 65535, 0x8080, 0x1234, 257, 0x7F7F; each times 255 / 65535, rounded.
@Test func `sixteen bits are scaled not taken for linear light`() throws {
  let bytes = try #require(
    Data(
      base64Encoded:
        "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABEAIAAAAr0DSeAAAAFUlEQVR4nGNgYPj/v6FByISRsb4eAB1uBEUzPQzCAAAAAElFTkSuQmCC"
    ))
  let image = try Image(pngBytes: Array(bytes), place: "rgb16")
  #expect(image.pixels == [0, 255, 128, 18, 1, 127])
}

/// Headers of 10^6 x 10^6 and 2^31 - 1 squared pixels, with ten bytes of data.
@Test(arguments: [
  "iVBORw0KGgoAAAANSUhEUgAPQkAAD0JACAIAAADTD68qAAAAC0lEQVR4nGNggAEAAAoAAX+AdF4AAAAASUVORK5CYII=",
  "iVBORw0KGgoAAAANSUhEUn////9/////CAIAAACbq5wxAAAAC0lEQVR4nGNggAEAAAoAAX+AdF4AAAAASUVORK5CYII=",
])
func `absurd sizes are refused before memory is asked`(_ base64: String) throws {
  let bytes = try #require(Data(base64Encoded: base64))
  #expect(throws: Failure.self) { try Image(pngBytes: Array(bytes), place: "huge") }
}
