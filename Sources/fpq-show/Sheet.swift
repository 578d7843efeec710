import ArgumentParser
import Inspection

struct Sheet: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sheet",
    abstract: "Put many pictures on one, for looking at.",
    discussion: """
        fpq-show sheet demo/float demo/w4a6 -o sheet.png

      Two folders give pairs of the pictures of equal names, side by side.
      """)

  @Argument(help: "PNG files, or two folders.")
  var pictures: [String]

  @Option(name: [.short, .long], help: "PNG to write; - is stdout.")
  var output = "-"

  @Option(parsing: .unconditional, help: "Pictures side by side in a row.")
  var columns = 8

  @Option(parsing: .unconditional, help: "Pixels of the sheet for one of a picture, 1 to 16.")
  var scale = 2

  func validate() throws {
    guard (1...16).contains(scale), (1...1000).contains(columns) else {
      throw ValidationError("--scale wants 1 to 16, --columns 1 to 1000.")
    }
  }

  func run() throws {
    var sheet = ContactSheet()
    sheet.columns = columns
    sheet.scale = scale
    try sheet.write(pictures, to: output)
  }
}
