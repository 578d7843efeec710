import ArgumentParser
import CommandLine
import Formats
import Layers
import Pipeline
import Platform
import SampleStage
import Sampling

@main
struct DitRun: Tool {
  static let configuration = CommandConfiguration(
    commandName: "dit-run",
    abstract:
      "Sample pictures from a text-to-image diffusion transformer, float or packed to 4 bits.",
    discussion: """
      The model is a diffusers folder (PixArt-alpha, PixArt-Sigma, Hunyuan-DiT) as published or as \
      fpq-pack wrote it, or a packed stream on stdin. Same seed, same picture as diffusers.

        dit-run -m emoji-pixart -p "red heart" -o heart.png
        fpq-stats -m emoji-pixart -f captions.txt | fpq-round | fpq-pack |
          dit-run -p "red heart" > heart.png

      Text states can be kept. --embeds-cache has a file for each text and encoder, which it knows \
      by the encoder's and tokenizer's files: their bytes, and of those above 16 MiB size, time of \
      writing and samples. A file of --prompt-embeds has the prompts as JSON in fpq.prompts, and of \
      prompt i prompt.<i>.states [tokens][channels] and prompt.<i>.mask [tokens], for a second \
      encoder states_2 and mask_2; examples/prompt_embeds.py makes it with diffusers.
      """)

  @Option(
    name: [.short, .long], help: "Model folder or packed file; - is a packed stream on stdin.")
  var model = "-"

  @OptionGroup(title: "Model") var folder: ModelArguments

  @Option(name: [.short, .long], parsing: .unconditional, help: "What to draw.")
  var prompt: String?

  @Option(name: [.customShort("f"), .long], help: "File with one prompt per line; - is stdin.")
  var promptFile: String?

  @OptionGroup(title: "Sampling") var sampling: SamplingArguments
  @OptionGroup(title: "Text") var text: TextArguments

  @Option(
    name: [.customShort("b"), .long], parsing: .unconditional,
    help: "Pictures of each prompt, with consecutive seeds.")
  var batchCount = 1

  @Option(
    name: [.short, .long], help: "PNG to write, with %d or %03d for several pictures; - is stdout.")
  var output = "-"

  @Option(
    help: "Activation format instead of the model's own: e2m3, int8:token, none (W4A16).")
  var activations: String?

  @Option(
    help: """
      Format of query, key and value instead of the model's own: none, a6, a8, int8, or \
      activations, their format.
      """)
  var attention: String?

  @Flag(help: "Decode in overlapping tiles: less memory, a slightly different picture.")
  var vaeTiling = false

  @Option(help: "Safetensors file with the initial_latents to start from, standard normal.")
  var latents: String?

  @Option(help: "Write initial_latents and final_latents of all pictures to this safetensors file.")
  var saveLatents: String?

  @Option(
    help: "Write the text states of all prompts to this safetensors file, for --prompt-embeds.")
  var savePromptEmbeds: String?

  @Option(
    help: "Keep inner values of the first picture: PATTERN@STEP, as transformer_blocks.0.*@3.")
  var dump: String?

  @Option(help: "Safetensors file for --dump (default: dump.safetensors).")
  var dumpFile: String?

  @Flag(inversion: .prefixedNo, help: "Write prompt and settings into the PNG.")
  var metadata = true

  @OptionGroup(title: "Running") var planning: PlanArguments
  @OptionGroup(title: "Running") var running: RunArguments

  func validate() throws {
    guard (prompt == nil) != (promptFile == nil) else {
      throw ValidationError("give either --prompt or --prompt-file")
    }
    guard !(promptFile == "-" && model == "-") else {
      throw ValidationError("stdin cannot be both the model and the prompts")
    }
    guard text.promptEmbeds == nil || savePromptEmbeds == nil else {
      throw ValidationError("--prompt-embeds and --save-prompt-embeds exclude each other")
    }
    if dump == nil, dumpFile != nil { throw ValidationError("--dump-file needs --dump") }
    guard (1...GenerateImages.mostPictures).contains(batchCount) else {
      throw ValidationError("--batch-count must be 1 to \(GenerateImages.mostPictures)")
    }
  }

  /// The files that are named, with the names of so many pictures.
  private func files(_ request: DumpRequest?, pictures: Int) throws -> RunFiles {
    var files = RunFiles()
    files.reads(model, "--model")
    files.reads(promptFile, "--prompt-file")
    files.reads(latents, "--latents")
    files.reads(text.promptEmbeds, "--prompt-embeds")
    let names = try OutputName(output, pictures: pictures)
    for number in 0..<pictures { files.writes(names.name(number), "--output") }
    files.writes(saveLatents, "--save-latents")
    files.writes(savePromptEmbeds, "--save-prompt-embeds")
    files.writes(request?.path, "--dump-file")
    files.fills(text.embedsCache, "--embeds-cache")
    return files
  }

  func run() throws {
    running.apply()
    var stage = GenerateImages()
    stage.model = model
    stage.folderOptions = folder.options
    stage.prompts = try promptFile.map(readPrompts) ?? [prompt ?? ""]
    stage.batchCount = batchCount
    stage.dump = try dump.map { try DumpRequest($0, path: dumpFile ?? "dump.safetensors") }
    stage.files = try files(stage.dump, pictures: stage.pictureCount())
    try planning.check(stage.files)
    stage.sampling = sampling.options
    stage.sampling.tilesDecoding = vaeTiling
    stage.seed = sampling.seed.seed()
    stage.output = output
    if let activations { stage.precision.activations = .use(try .parse(activations)) }
    stage.precision.attention = try attention.map(AttentionFormat.init)
    stage.latentsPath = latents
    stage.savedLatentsPath = saveLatents
    stage.text = text.options(sampling)
    stage.savedEmbedsPath = savePromptEmbeds
    stage.writesMetadata = metadata
    stage.isVerbose = running.verbose
    guard try !planning.printed(stage.plan) else { return }
    try stage.run()
  }
}
