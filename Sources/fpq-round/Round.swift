import ArgumentParser
import CommandLine
import Formats
import Platform
import RoundStage

struct Round: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "round",
    abstract: "Choose 4-bit codes and scales for the weights, by what the layers' outputs lose.",
    usage: """
      fpq-round [<options>]
      fpq-round advise --bits <bits> [<options>]
      """,
    discussion: """
      Reads statistics from fpq-stats and the float weights of the same model, and writes one code \
      per byte with a scale per group. Layers are independent: --layers makes a shard that \
      fpq-pack merges. With --inputs quantized a layer makes up for what those before it lose, and \
      with --objective block the layers of a transformer block are chosen together, on inputs that \
      the model's own sampler makes again from the prompts of the statistics.

        fpq-round -i stats.safetensors -o codes.safetensors --report layers.tsv
        fpq-round -i stats.safetensors --recipe fp4dit-alpha --method adaround \\
          --objective block -o codes.safetensors
        fpq-round -i stats.safetensors --format '*.attn1.*=int4' --method gptq \\
          -o codes.safetensors

      Instead of rounding, fpq-round advise says how to split a number of bits into exponent and \
      mantissa; see fpq-round advise --help.
      """,
    helpNames: [.short, .long])

  @OptionGroup(title: "Files") var files: FileArguments
  @OptionGroup(title: "Model") var folder: ModelArguments
  @OptionGroup(title: "Files") var result: ResultArguments
  @OptionGroup(title: "Weights") var recipe: RecipeArguments
  @OptionGroup(title: "Weights") var weights: WeightArguments
  @OptionGroup(title: "Inputs") var preparation: InputArguments
  @OptionGroup(title: "Blocks") var blocks: BlockArguments
  @OptionGroup(title: "Text") var text: TextArguments
  @OptionGroup(title: "Reports") var reports: ReportArguments
  @OptionGroup(title: "Running") var planning: PlanArguments
  @OptionGroup(title: "Running") var running: RunArguments

  private var inputsAndOutputs: RunFiles {
    var all = RunFiles()
    all.reads(files.input, "--input")
    all.reads(reports.heldOut, "--held-out")
    all.reads(text.promptEmbeds, "--prompt-embeds")
    all.writes(result.output, "--output")
    if result.resume { all.fills("\(result.output).resume", "--resume") }
    all.writes(reports.report, "--report")
    all.writes(reports.trace, "--trace")
    all.fills(text.embedsCache, "--embeds-cache")
    return all
  }

  func run() throws {
    running.apply()
    try planning.check(inputsAndOutputs)
    let settings = try settings()
    var stage = RoundModel(settings)
    stage.files = inputsAndOutputs
    stage.statistics = files.input
    stage.model = files.model
    stage.folderOptions = folder.options
    stage.layerPattern = files.layers
    stage.output = result.output
    stage.resumes = result.resume
    stage.reportPath = reports.report
    stage.heldOut = reports.heldOut
    stage.tracePath = reports.trace
    stage.text = text.options()
    stage.isVerbose = running.verbose
    if let groupSize = recipe.groupSize,
      let shared = try settings.namedFormats().first(where: { $0.sharedBit != nil })
    {
      Console.say("\(shared): one scale per row, not one for \(groupSize) weights (--group-size)")
    }
    guard try !planning.printed({ try stage.plan() }) else { return }
    try stage.run()
  }

  /// What the arguments ask for, files aside: what the recipe has, and what the user wants instead.
  func settings() throws -> RoundingSettings {
    var settings = RoundingSettings(recipe.recipe, method: weights.method)
    recipe.apply(to: &settings)
    weights.apply(to: &settings)
    preparation.apply(to: &settings)
    try blocks.apply(to: &settings)
    return settings
  }
}
