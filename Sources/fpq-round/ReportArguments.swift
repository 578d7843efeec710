import ArgumentParser

/// What is told beside the codes.
struct ReportArguments: ParsableArguments {
  @Option(help: "Write a table of the layers' errors to this TSV file.")
  var report: String?

  @Option(help: "Statistics of other prompts, on which the report judges each layer.")
  var heldOut: String?

  @Option(help: "Write the losses of each unit while it learns to this TSV file.")
  var trace: String?
}
