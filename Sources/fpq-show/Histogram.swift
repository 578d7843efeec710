import ArgumentParser
import Inspection
import Platform

struct Histogram: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "histogram",
    abstract: "Show how the values of a tensor are distributed.",
    discussion: """
        fpq-show histogram PixArt-Sigma/transformer \\
          transformer_blocks.0.ff.net.2.weight --log

      Equally wide ranges from the smallest to the largest finite value.
      """)

  @Argument(help: "A safetensors file (- = stdin), a folder with weights, or a pipeline folder.")
  var file: String

  @Argument(help: "The tensor's name, as ls prints it.")
  var tensor: String

  @Option(parsing: .unconditional, help: "How many ranges, 1 to 1000.")
  var bins = 40

  @Flag(help: "Bars grow with the logarithm of the count, so that tails are seen.")
  var log = false

  @Option(
    help: ArgumentHelp(
      "Draw a picture too, by gnuplot; - is stdout, then without the table.", valueName: "out.png"))
  var png: String?

  @OptionGroup var options: TableOptions

  func validate() throws {
    if !(1...1000).contains(bins) { throw ValidationError("--bins wants a number from 1 to 1000.") }
  }

  func run() throws {
    // Opened before the work, so that a place that cannot be written is known at once.
    let picture = try png.map { try OutputFile($0) }
    let histogram = try Inspection.Histogram(file, tensor: tensor, bins: bins)
    if png != "-" { try options.print(histogram.table(options.style, logarithmic: log)) }
    try picture?.write(try Gnuplot.png(histogram, logarithmic: log))
    try picture?.commit()
  }
}
