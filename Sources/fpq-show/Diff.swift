import ArgumentParser
import Inspection

struct Diff: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Compare tensors of the same name: SQNR and largest difference.",
    discussion: """
        fpq-show diff PixArt-Sigma/transformer other/transformer --min-sqnr 15

      SQNR = 10 log10(sum a^2 / sum (a - b)^2) in dB, inf for equal tensors; the first file is the \
      reference. Types may differ. The last row, (all), counts all tensors together. A tensor that \
      is missing on one side or has another shape is noted, and misses any threshold.
      """)

  @Argument(help: "The reference: a safetensors file, a folder with weights, or a pipeline folder.")
  var first: String

  @Argument(help: "What is compared with it; one of the two may be - (stdin).")
  var second: String

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Exit with 2 when a tensor has a lower SQNR.", valueName: "dB"))
  var minSqnr: Double?

  @OptionGroup var options: TableOptions

  func validate() throws { try refuseNaN(minSqnr, "--min-sqnr") }

  func run() throws {
    let comparison = try CompareTensors(first, second, threshold: minSqnr)
    try options.print(comparison.table)
    try comparison.check(atLeast: minSqnr)
  }
}

/// NaN is a number to the argument parser, and a threshold that everything misses.
func refuseNaN(_ value: Double?, _ option: String) throws {
  if value?.isNaN == true { throw ValidationError("\(option) wants a number.") }
}
