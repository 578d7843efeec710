import ArgumentParser
import CommandLine
import Inspection
import Platform
import RoundStage

struct Advise: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "advise",
    abstract: "Say how to split a number of bits into exponent and mantissa, and write no codes.",
    usage: "fpq-round advise --bits <bits> [<options>]",
    discussion: """
      Ranks the splits by a scaling law, and for 4 to 6 bits tries them on the layers by the \
      statistics.

        fpq-round advise --bits 4 -i stats.safetensors
        fpq-round advise --bits 6 -i stats.safetensors --tsv > advice.tsv
      """,
    helpNames: [.short, .long])

  @Option(parsing: .unconditional, help: "How many, sign included: 3 to 8.")
  var bits: Int

  @Flag(help: "Tab-separated columns in full precision.")
  var tsv = false

  @OptionGroup(title: "Files") var files: FileArguments
  @OptionGroup(title: "Model") var folder: ModelArguments
  @OptionGroup(title: "Weights") var recipe: RecipeArguments
  @OptionGroup(title: "Running") var running: RunArguments

  func validate() throws { _ = try asValidation { try stage() } }

  func run() throws {
    running.apply()
    try Console.output(stage().run().rendered(tsv ? .tsv : .aligned))
  }

  private func stage() throws -> AdviseOnFormats {
    var stage = try AdviseOnFormats(
      bits: bits, recipe: recipe.recipe, groupSize: recipe.groupSize)
    stage.statistics = files.input
    stage.model = files.model
    stage.folderOptions = folder.options
    stage.layerPattern = files.layers
    stage.isVerbose = running.verbose
    return stage
  }
}
