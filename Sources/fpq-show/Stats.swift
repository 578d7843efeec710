import ArgumentParser
import Inspection
import Platform

struct Stats: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stats",
    abstract: "Describe a file: its metadata; for statistics of fpq-stats also every input site.",
    discussion: """
        fpq-stats -m PixArt-Sigma -f prompts.txt | fpq-show stats -

      A site's columns: channels, tokens seen, tokens per channel (a warning goes to stderr when a \
      site has fewer than 16), rms and largest magnitude of its activations, their ratio, the \
      largest |mean|/sigma of a channel, and the three channels where that is largest, as \
      channel:ratio. A site that saw no token has a count of 0 and no such figures. For a PNG: \
      size and texts, such as the prompt.
      """)

  @Argument(help: "A safetensors file (- = stdin), a folder with weights, or a PNG.")
  var file: String

  @OptionGroup var options: TableOptions

  func run() throws {
    try Console.output(try DescribeFile.report(file).rendered(options.style))
  }
}
