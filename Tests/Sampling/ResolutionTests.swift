import Platform
import Sampling
import Tensors
import TestSupport
import Testing

@Test func `guidance extrapolates`() {
  let unconditional = Matrix(rows: 1, columns: 3, values: [1, 2, -1])
  let conditional = Matrix(rows: 1, columns: 3, values: [2, 2, 1])
  func output(_ scale: Float) -> [Float] {
    guided(unconditional: unconditional, conditional: conditional, scale: scale).values
  }
  #expect(output(4.5) == [5.5, 2, 8])
  #expect(output(1) == conditional.values)
  #expect(output(0) == unconditional.values)
}

/// Of 0, 2, 4 and 6 the deviation is sqrt(20/3), of 0, 4, 8 and 12 twice that: half of the guided
/// output is the wanted spread.
@Test func `rescaled guidance has the spread of the conditional output`() {
  let conditional = Matrix(rows: 1, columns: 4, values: [0, 2, 4, 6])
  let guided = Matrix(rows: 1, columns: 4, values: [0, 4, 8, 12])
  func output(_ factor: Float) -> [Float] {
    rescaled(guided, to: conditional, factor: factor).values
  }
  #expect(output(1) == conditional.values)
  #expect(output(0) == guided.values)
  #expect(output(0.5) == [0, 3, 6, 9])
}

/// Heights and widths, asked for and as the pipeline of diffusers makes them (its
/// `map_to_standard_shapes`, after cutting to multiples of 16).
@Test(arguments: [
  [512, 512, 1024, 1024], [1152, 1152, 1024, 1024], [1168, 1168, 1280, 1280],
  [700, 990, 768, 1024], [1024, 1024, 1024, 1024], [880, 1152, 864, 1152],
  [1300, 990, 1280, 960], [768, 1280, 768, 1280], [16, 2048, 768, 1280], [2048, 16, 1280, 768],
  [1184, 640, 1280, 768], [720, 1280, 768, 1280], [960, 1280, 960, 1280],
  [896, 1184, 864, 1152], [1536, 2048, 960, 1280],
])
func `standard shapes are those of diffusers`(_ sides: [Int]) throws {
  let asked = ResolutionBin(height: sides[0], width: sides[1])
  func sizes(_ sampleSize: Int, binning: Bool) throws -> [ResolutionBin] {
    let sizes = try SizePolicy.standardShapes.sizes(
      for: asked, sampleSize: sampleSize, unit: 16, binning: binning)
    return [sizes.sampled, sizes.output]
  }
  let standard = ResolutionBin(height: sides[2], width: sides[3])
  #expect(try sizes(128, binning: true) == [standard, standard])
  let cut = ResolutionBin(height: sides[0] / 16 * 16, width: sides[1] / 16 * 16)
  #expect(try sizes(128, binning: false) == [cut, cut])
  #expect(try sizes(32, binning: true) == [cut, cut], "a small model has no table")
}

@Test func `sizes below the unit are refused`() {
  let asked = ResolutionBin(height: 15, width: 64)
  for binning in [false, true] {
    #expect(throws: Failure.self) {
      try SizePolicy.standardShapes.sizes(
        for: asked, sampleSize: 128, unit: 16, binning: binning)
    }
  }
}

/// The case's bin: a 136 x 200 picture is made at 208 x 304, of which its latents are an eighth.
@Test func `bin is the one the pipeline took`() throws {
  let config = try ModelConfig(References.path("pipeline-sigma/case.json"))
  let model = try ModelConfig(References.path("pipeline-sigma/pipeline/transformer/config.json"))
  let call = try #require(config.json["runs"]?["binned"]?["call"])
  let file = try References.tensors("pipeline-sigma/binned/io.safetensors")
  let latents = try file.tensor("initial_latents").shape
  let vae = try ModelConfig(References.path("pipeline-sigma/pipeline/vae/config.json"))
  let factor = 1 << (try #require(try vae.ints("block_out_channels")).count - 1)
  let bin = try ResolutionBin.nearest(
    height: try #require(call["height"]?.int), width: try #require(call["width"]?.int),
    sampleSize: try model.size("sample_size"))
  #expect(bin == ResolutionBin(height: latents[2] * factor, width: latents[3] * factor))
}

@Test func `bins follow the tables`() throws {
  func bin(_ height: Int, _ width: Int, _ size: Int) throws -> [Int] {
    let bin = try ResolutionBin.nearest(height: height, width: width, sampleSize: size)
    return [bin.height, bin.width]
  }
  #expect(try bin(1024, 1024, 128) == [1024, 1024])
  #expect(try bin(512, 512, 64) == [512, 512])
  // .75 is as near to .72 as to .78 in f64: the first of the table.
  #expect(try bin(480, 640, 64) == [416, 576])
  #expect(try bin(1, 100_000, 128) == [512, 2048])
  #expect(try bin(100_000, 1, 128) == [2048, 512])
  #expect(try bin(1600, 640, 128) == [1600, 640])
  #expect(try bin(256, 256, 32) == [256, 256])
  #expect(try bin(2048, 2048, 256) == [2048, 2048])
  #expect(try bin(1024, 3968, 256) == [1024, 3968])
  #expect(try bin(3328, 1152, 256) == [3328, 1152])
  #expect(throws: Failure("sample_size: expected 32, 64, 128 or 256 for binning, found 96")) {
    try bin(1, 1, 96)
  }
  #expect(throws: Failure("expected a positive image size, found 5x0")) { try bin(0, 5, 64) }
}

/// A plane stays a plane under bilinear resizing, so inside the borders the values can be told
/// beforehand.
@Test func `resizing keeps a plane`() {
  let (height, width) = (208, 304)
  let image = (0..<(3 * height * width)).map { index in
    let (row, column) = (index / width % height, index % width)
    return Float(index / (height * width)) + Float(row) / 100 - Float(column) / 200
  }
  // Width decides: 208 x 304 becomes int(304 * 136 / 208) = 198 wide, less than 200, so the ratio
  // is 200 / 304.
  let target = ResolutionBin(height: 136, width: 200)
  let result = resizedAndCropped(image, height: height, width: width, to: target)
  #expect(result.count == 3 * 136 * 200)
  let ratio = 304.0 / 200
  // int(208 * 200 / 304) = 136 rows: none is cut.
  let vertical = 208.0 / 136
  for channel in 0..<3 {
    for row in [1, 60, 134] {
      for column in [1, 99, 198] {
        let y = vertical * (Double(row) + 0.5) - 0.5
        let x = ratio * (Double(column) + 0.5) - 0.5
        let expected = Float(Double(channel) + y / 100 - x / 200)
        // A few roundings of numbers below 6.
        #expect(abs(result[(channel * 136 + row) * 200 + column] - expected) < 5e-6)
      }
    }
  }
}

@Test func `resizing cuts around the center`() {
  // 2 x 4 pixels to 2 x 2: nothing is resized, one column goes on each side.
  let result = resizedAndCropped(
    [1, 2, 3, 4, 5, 6, 7, 8], height: 2, width: 4, to: ResolutionBin(height: 2, width: 2))
  #expect(result == [2, 3, 6, 7])
  // The edge is repeated beyond the outermost centers.
  let doubled = resizedAndCropped(
    [0, 1], height: 1, width: 2, to: ResolutionBin(height: 2, width: 4))
  #expect(doubled == [0, 0.25, 0.75, 1, 0, 0.25, 0.75, 1])
}

/// 49 * (1 / 49) is below 1 in f64; the target must be covered all the same.
@Test func `resizing covers the target`() {
  for size in 1...200 {
    let image = [Float](repeating: 1, count: size * size)
    let target = ResolutionBin(height: 7, width: 3)
    let result = resizedAndCropped(image, height: size, width: size, to: target)
    #expect(result.count == 21)
  }
}
