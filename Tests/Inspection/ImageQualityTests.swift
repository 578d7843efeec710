import Foundation
import Inspection
import Platform
import TestSupport
import Testing

/// Golden figures by scikit-image 0.26.0, numpy 2.4.6 and scipy, for RGB arrays `a` and `b`.
///
///     peak_signal_noise_ratio(a, b, data_range=255)
///     structural_similarity(a, b, channel_axis=2, gaussian_weights=True, use_sample_covariance=False)
///     luma = [x @ np.array([.299, .587, .114]) for x in (a, b)]
///     lap = [scipy.ndimage.laplace(x)[1:-1, 1:-1].var() for x in luma]; lap[1] / lap[0]
///     np.abs(a.astype(int) - b).max()
private func check(
  _ a: Image, _ b: Image, psnr: Double, ssim: Double, sharpness: Double, largest: Int,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let quality = try ImageQuality(a, b, place: "b.png")
  // f64 on both sides; sums of at most 1.6 million terms.
  #expect(abs(quality.psnr - psnr) < 1e-9, sourceLocation: sourceLocation)
  #expect(abs(quality.ssim - ssim) < 1e-9, sourceLocation: sourceLocation)
  #expect(abs(quality.sharpness - sharpness) < 1e-9, sourceLocation: sourceLocation)
  #expect(quality.largest == largest, sourceLocation: sourceLocation)
}

/// [height][width][3] from the running number of a value, as
/// `f(np.arange(height * width * 3)).reshape(height, width, 3)`.
private func image(_ width: Int, _ height: Int, _ value: (Int) -> Int) -> Image {
  Image(
    width: width, height: height,
    pixels: (0..<(width * height * 3)).map { UInt8(truncatingIfNeeded: value($0)) })
}

@Test func `a posterized sheet of pictures`() throws {
  let sheet = try Image(png: References.path("emoji-pixart/sheet.png"))
  let posterized = Image(
    width: sheet.width, height: sheet.height, pixels: sheet.pixels.map { $0 / 16 * 16 })
  try check(
    sheet, posterized, psnr: 26.574990000004902, ssim: 0.9549998625633368,
    sharpness: 0.9907553217384608, largest: 15)
}

@Test func `small and odd sizes`() throws {
  try check(
    image(37, 23) { $0 * $0 / 7 }, image(37, 23) { $0 * $0 / 7 + $0 % 31 },
    psnr: 14.177538308879729, ssim: 0.7739127355608505, sharpness: 1.0107027205662527, largest: 251)
  try check(
    image(11, 11) { $0 }, image(11, 11) { $0 * 3 / 4 }, psnr: 8.494332637800508,
    ssim: 0.4184266708020834, sharpness: 0.28004926120410994, largest: 192)
}

@Test func `equal pictures`() throws {
  let a = image(20, 12) { $0 * 7 }
  let quality = try ImageQuality(a, a, place: "b.png")
  #expect(quality.psnr == .infinity)
  #expect(abs(quality.ssim - 1) < 1e-12)
  #expect(quality.sharpness == 1)
  #expect(quality.largest == 0)
  try quality.check(psnr: 1000, ssim: 0.999, place: "b.png")
}

@Test func `pictures that cannot be compared`() throws {
  #expect(throws: Failure("b.png", "expected 12x12 pixels, found 12x13")) {
    try ImageQuality(image(12, 12) { $0 }, image(12, 13) { $0 }, place: "b.png")
  }
  #expect(throws: Failure("b.png", "expected at least 11 pixels each way, found 10x12")) {
    try ImageQuality(image(10, 12) { $0 }, image(10, 12) { $0 }, place: "b.png")
  }
}

@Test func `thresholds name what was found`() throws {
  let quality = try ImageQuality(
    image(11, 11) { $0 }, image(11, 11) { $0 * 3 / 4 }, place: "b.png")
  #expect(throws: ThresholdMissed("b.png", "expected a PSNR of 9 dB, found 8.494 dB")) {
    try quality.check(psnr: 9, ssim: 0.9, place: "b.png")
  }
  #expect(throws: ThresholdMissed("b.png", "expected an SSIM of 0.9, found 0.41843")) {
    try quality.check(psnr: 8, ssim: 0.9, place: "b.png")
  }
}

@Test func `the same figures for any number of threads`() throws {
  let (a, b) = (image(64, 61) { $0 * $0 / 7 }, image(64, 61) { $0 * $0 / 7 + $0 % 31 })
  let threads = Parallel.threads
  defer { Parallel.threads = threads }
  let several = try ImageQuality(a, b, place: "b.png").ssim
  Parallel.threads = 1
  #expect(try ImageQuality(a, b, place: "b.png").ssim == several)
}
