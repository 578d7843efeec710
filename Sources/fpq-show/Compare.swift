import ArgumentParser
import Inspection
import Platform

struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Compare two pictures: PSNR, SSIM, sharpness.",
    discussion: """
        fpq-show compare float.png fp4.png --min-psnr 20 --min-ssim 0.8
        fpq-show compare demo/float demo/w4a6 --tsv

      Two folders compare their pictures of equal names: a row for each, their means, and (all), \
      the PSNR of the mean squared difference, which thresholds look at.

      PSNR: over all RGB values of 8 bits, in dB, inf for equal pictures. SSIM: Gaussian window of \
      11 pixels, sigma 1.5, the mean of the three channels. Sharpness: the variance of the 3x3 \
      Laplacian of B's luma over that of A's; below 1, detail was lost.
      """)

  @Argument(
    help: ArgumentHelp("The reference (- = stdin), or a folder of them.", valueName: "A.png"))
  var first: String

  @Argument(
    help: ArgumentHelp("The picture compared with it, of the same size.", valueName: "B.png"))
  var second: String

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Exit with 2 when the PSNR is lower.", valueName: "dB"))
  var minPsnr: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Exit with 2 when the SSIM is lower.", valueName: "0...1"))
  var minSsim: Double?

  @OptionGroup var options: TableOptions

  func validate() throws {
    try refuseNaN(minPsnr, "--min-psnr")
    try refuseNaN(minSsim, "--min-ssim")
  }

  func run() throws {
    let comparison = try ComparePictures(first, second)
    try options.print(comparison.table)
    try comparison.check(psnr: minPsnr, ssim: minSsim, place: second)
  }
}
