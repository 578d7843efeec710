import ArgumentParser

/// What is read, and which of its layers.
struct FileArguments: ParsableArguments {
  @Option(name: [.short, .long], help: "Statistics from fpq-stats; - is stdin.")
  var input = "-"

  @Option(
    name: [.customShort("m"), .long], help: "Model folder (default: the one of the statistics).")
  var model: String?

  @Option(help: "Only the layers that match a pattern: a shard.")
  var layers: String?
}

/// What is written.
struct ResultArguments: ParsableArguments {
  @Option(name: [.short, .long], help: "Codes file to write; - is stdout.")
  var output = "-"

  @Flag(
    help:
      "Keep finished layers in OUTPUT.resume while running, and continue from them after a kill.")
  var resume = false

  func validate() throws {
    if resume, output == "-" { throw ValidationError("--resume needs --output") }
  }
}
