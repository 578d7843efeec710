import ArgumentParser
import CommandLine
import PackStage
import Platform

@main
struct FpqPack: Tool {
  static let configuration = CommandConfiguration(
    commandName: "fpq-pack",
    abstract: "Pack codes into a 4-bit model that dit-run opens like the original.",
    discussion: """
      Writes a model folder (or, for a name ending in .safetensors and for -, one stream) with two \
      codes per byte, and prints the true bits per weight. Several inputs are shards of layers; a \
      layer that is missing or there twice is an error. Codes of a text encoder replace its \
      weights in the folder too, beside those of the transformer or alone. A folder that is there \
      is replaced if it is empty, or holds only what fpq-pack wrote.

        fpq-pack -i codes.safetensors -o emoji-fp4
        fpq-pack -i codes.safetensors t5.safetensors -o emoji-fp4
        fpq-round -i stats.safetensors | fpq-pack > packed.safetensors
      """)

  @Option(
    name: [.short, .long], parsing: .upToNextOption,
    help: "Codes from fpq-round, one file or shards of layers; - is stdin.")
  var input: [String] = ["-"]

  @Option(
    name: [.short, .long], help: "Folder, or file ending in .safetensors, to write; - is stdout.")
  var output = "-"

  @Option(name: [.short, .long], help: "Model folder (default: the one of the statistics).")
  var model: String?

  @OptionGroup(title: "Model") var folder: ModelArguments

  @Option(
    help: ArgumentHelp(
      "Activation format the model runs with: e2m3 (default), e3m4:token, int8, none (W4A16).",
      discussion: "Codes of fpq-round --recipe fpq-greedy bring their own."))
  var activations: String?

  @Option(
    help: """
      Format of query, key and value: none, a6, a8, int8, or activations, their format (default: \
      activations with the fp4dit recipes, as in the paper, else none).
      """)
  var attention: String?

  @Flag(help: "Link the parts that are not packed instead of copying them.")
  var link = false

  @Flag(help: "Read the result again and compare every tensor.")
  var verify = false

  @OptionGroup(title: "Running") var planning: PlanArguments
  @OptionGroup(title: "Running") var running: RunArguments

  func validate() throws {
    if verify, output == "-" { throw ValidationError("--verify needs --output") }
    if link, PackModel.writesStream(output) {
      throw ValidationError("--link is for a model folder, as --output names one")
    }
  }

  private var files: RunFiles {
    var files = RunFiles()
    for path in input { files.reads(path, "--input") }
    if PackModel.writesStream(output) {
      files.writes(output, "--output")
    } else {
      files.makes(output, "--output")
    }
    return files
  }

  func run() throws {
    running.apply()
    try planning.check(files)
    var stage = PackModel()
    stage.files = files
    stage.inputs = input
    stage.output = output
    stage.model = model
    stage.folderOptions = folder.options
    stage.activations = activations
    stage.attention = attention
    stage.links = link
    stage.verifies = verify
    stage.isVerbose = running.verbose
    guard try !planning.printed(stage.plan) else { return }
    try stage.run()
  }
}
