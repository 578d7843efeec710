import Foundation
import Platform

/// How close one picture is to another: PSNR, SSIM, and whether it became softer.
package struct ImageQuality {
  /// 10 log10(255^2 / mean squared difference) over all RGB values, in dB; infinite for equal
  /// pictures.
  package let psnr: Double
  /// The mean over R, G and B of the structural similarity of each channel.
  package let ssim: Double
  /// The variance of the Laplacian of the second picture's luma over the first's: below 1, detail
  /// was lost.
  package let sharpness: Double
  /// The largest difference of one value, 0...255.
  package let largest: Int

  /// Compares `other` with `reference`; `place` names the second file in a message.
  package init(_ reference: Image, _ other: Image, place: String) throws {
    guard reference.width == other.width, reference.height == other.height else {
      throw Failure(
        place,
        "expected \(reference.width)x\(reference.height) pixels, "
          + "found \(other.width)x\(other.height)")
    }
    guard min(reference.width, reference.height) >= StructuralSimilarity.window else {
      throw Failure(
        place,
        "expected at least \(StructuralSimilarity.window) pixels each way, "
          + "found \(other.width)x\(other.height)")
    }
    var (squares, largest) = (0, 0)
    for (a, b) in zip(reference.pixels, other.pixels) {
      let difference = abs(Int(a) - Int(b))
      squares += difference * difference
      largest = max(largest, difference)
    }
    self.largest = largest
    psnr = 10 * log10(255 * 255 * Double(reference.pixels.count) / Double(squares))
    ssim =
      (0..<3).map { channel in
        StructuralSimilarity.mean(
          Plane(reference, channel: channel), Plane(other, channel: channel))
      }.reduce(0, +) / 3
    sharpness = Plane(luma: other).laplacianVariance / Plane(luma: reference).laplacianVariance
  }

  package var table: Table {
    var table = Table(["psnr_db", "ssim", "sharpness", "max_difference"])
    table.append([.number(psnr), .number(ssim), .number(sharpness), .integer(largest)])
    return table
  }

  /// All of `pictures` together: the PSNR of the mean squared difference over all values, which the
  /// worst ones dominate; the means of SSIM and sharpness; the largest difference.
  package init(all pictures: [ImageQuality]) {
    let count = Double(pictures.count)
    psnr = -10 * log10(pictures.map { pow(10, -$0.psnr / 10) }.reduce(0, +) / count)
    ssim = pictures.map(\.ssim).reduce(0, +) / count
    sharpness = pictures.map(\.sharpness).reduce(0, +) / count
    largest = pictures.map(\.largest).max() ?? 0
  }

  /// - Throws: `ThresholdMissed` for the first value below what is asked for.
  package func check(psnr: Double?, ssim: Double?, place: String) throws {
    if let psnr, !(self.psnr >= psnr) {
      throw ThresholdMissed(
        place, String(format: "expected a PSNR of %g dB, found %.4g dB", psnr, self.psnr))
    }
    if let ssim, !(self.ssim >= ssim) {
      throw ThresholdMissed(
        place, String(format: "expected an SSIM of %g, found %.5g", ssim, self.ssim))
    }
  }
}
