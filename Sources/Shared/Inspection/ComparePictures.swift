import Foundation
import Platform

/// The quality of one picture, or of all pictures of a folder, against their references.
package struct ComparePictures {
  private let pairs: [PicturePair]
  private let qualities: [ImageQuality]

  /// Compares the file `b` with `a`, or all PNG files of the folder `b` with those of equal names
  /// in `a`.
  package init(_ a: String, _ b: String) throws {
    pairs = try picturePairs(a, b)
    qualities = try pairs.map {
      try ImageQuality(Image(png: $0.a), Image(png: $0.b), place: $0.b)
    }
  }

  /// The rows to print: one for a pair of files.
  ///
  /// For folders a row for each picture, then `(mean)` with the means of the rows, and `(all)` with
  /// the PSNR of the mean squared difference over all pictures, which the worst ones dominate.
  package var table: Table {
    if qualities.count == 1 { return qualities[0].table }
    var table = Table(["picture", "psnr_db", "ssim", "sharpness", "max_difference"])
    for (pair, quality) in zip(pairs, qualities) {
      table.append([
        .text(pair.name), .number(quality.psnr), .number(quality.ssim), .number(quality.sharpness),
        .integer(quality.largest),
      ])
    }
    let all = ImageQuality(all: qualities)
    let mean = qualities.map(\.psnr).reduce(0, +) / Double(qualities.count)
    for (name, psnr) in [("(mean)", mean), ("(all)", all.psnr)] {
      table.append([
        .text(name), .number(psnr), .number(all.ssim), .number(all.sharpness),
        .integer(all.largest),
      ])
    }
    return table
  }

  /// Folders are judged as the row `(all)` shows them.
  ///
  /// - Throws: `ThresholdMissed` for the first value below what is asked for.
  package func check(psnr: Double?, ssim: Double?, place: String) throws {
    try ImageQuality(all: qualities).check(psnr: psnr, ssim: ssim, place: place)
  }
}
