import ArgumentParser
import Inspection

struct List: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls",
    abstract: "List tensors: name, type, shape, bytes, smallest, largest, mean, rms, NaN count.",
    discussion: """
        fpq-show ls stats.safetensors --tsv | sort -t "$(printf '\\t')" -g -k 6

      Mean and rms (root mean square) are over the values that are not NaN. Types below a byte \
      show no values.
      """)

  @Argument(
    help: """
      safetensors files (- = stdin), folders with weights in one file or in shards, or pipeline \
      folders.
      """)
  var files: [String]

  @Flag(help: "Read headers only: no values, instant for any size.")
  var headers = false

  @OptionGroup var options: TableOptions

  func run() throws { try options.print(try ListTensors.table(files, values: !headers)) }
}
