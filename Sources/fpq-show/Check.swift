import ArgumentParser
import Inspection

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Say whether files of these tools are as they were written.",
    discussion: """
        fpq-show check stats.safetensors codes.safetensors PixArt-Sigma-fp4

      Every safetensors file that fpq writes ends with the SHA-256 of its tensors and of what its \
      header says, and every stage that reads it checks them; this does nothing else. A file's \
      state: whole, damaged (the note says where), or no digests (of another program). Exits with 1 \
      when a file is damaged, or when none has digests.
      """)

  @Argument(help: "Safetensors files (- = stdin), or folders: all that is below them.")
  var files: [String]

  @OptionGroup var options: TableOptions

  func run() throws {
    let checked = try CheckFiles(files)
    try options.print(checked.table)
    try checked.check()
  }
}
