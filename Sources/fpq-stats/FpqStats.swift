import ArgumentParser
import Calibration
import CommandLine
import Pipeline
import Platform
import StatsStage

@main
struct FpqStats: Tool {
  static let configuration = CommandConfiguration(
    commandName: "fpq-stats",
    abstract: "Collect activation statistics of a diffusion transformer or its text encoders.",
    discussion: """
      Runs the float model's own sampler on calibration prompts and writes, for every input site, \
      the sums that fpq-round needs (Gram matrix, sum, count, ranges). Sums add up: shards made \
      with --skip and --limit merge to the very bytes of one run.

      With --part it is a text encoder that runs, on the same prompts and some that are made of \
      them: the empty one, single words, and texts as long as it reads. With --data-free nothing \
      runs, and fpq-round goes by the weights alone.

        fpq-stats -m emoji-pixart -f captions.txt -o stats.safetensors
        fpq-stats -m emoji-pixart -f captions.txt --limit 16 -o a.safetensors
        fpq-stats -m emoji-pixart -f captions.txt --skip 16 -o b.safetensors
        fpq-stats --merge a.safetensors b.safetensors -o stats.safetensors
        fpq-stats -m emoji-pixart --part text_encoder -f captions.txt -o t5.stats
      """)

  @Option(name: [.short, .long], help: "Model folder in the diffusers layout.")
  var model: String?

  @OptionGroup(title: "Model") var folder: ModelArguments

  @Option(help: "Folder of the part that is watched: transformer, or a text encoder.")
  var part = "transformer"

  @Option(
    help: """
      Watch only layers that match a pattern, as 'transformer_blocks.*': those that are to be rounded.
      """)
  var layers: String?

  @Flag(help: "Run nothing: only name the layers, for rounding by the weights alone.")
  var dataFree = false

  @Option(
    name: [.customShort("f"), .long], help: "File with one calibration prompt per line; - is stdin."
  )
  var promptFile: String?

  @Option(name: [.short, .long], help: "Statistics file to write; - is stdout.")
  var output = "-"

  @Option(parsing: .unconditional, help: "Leave out the first prompts.")
  var skip = 0

  @Option(parsing: .unconditional, help: "Take at most so many prompts.")
  var limit: Int?

  @Option(parsing: .unconditional, help: "Tokens of each sample and step that enter the sums.")
  var tokensPerSample = 256

  @Flag(help: "Keep OUTPUT.resume up to date while running, and continue from it after a kill.")
  var resume = false

  @Option(
    parsing: .unconditional,
    help: """
      Prompts between two writes of OUTPUT.resume (default: as often as costs a fiftieth of the time).
      """)
  var resumeInterval: Int?

  @Option(parsing: .upToNextOption, help: "Add up these statistics files instead of sampling.")
  var merge: [String] = []

  @OptionGroup(title: "Sampling") var sampling: SamplingArguments
  @OptionGroup(title: "Text") var text: TextArguments
  @OptionGroup(title: "Running") var planning: PlanArguments
  @OptionGroup(title: "Running") var running: RunArguments

  func validate() throws {
    if dataFree {
      guard model != nil, promptFile == nil, merge.isEmpty else {
        throw ValidationError("--data-free takes --model, no --prompt-file and no --merge")
      }
    } else if merge.isEmpty {
      guard model != nil, promptFile != nil else {
        throw ValidationError("give --model and --prompt-file, or --merge")
      }
    } else if model != nil || promptFile != nil {
      throw ValidationError("--merge takes no --model and no --prompt-file")
    }
    if planning.plan, dataFree || !merge.isEmpty {
      throw ValidationError("--plan is for runs on prompts")
    }
    guard skip >= 0, (limit ?? 1) > 0, tokensPerSample > 0, (resumeInterval ?? 1) > 0 else {
      throw ValidationError(
        "--skip, --limit, --tokens-per-sample and --resume-interval must be positive")
    }
    if resume, output == "-" { throw ValidationError("--resume needs --output") }
    if resumeInterval != nil, !resume {
      throw ValidationError("--resume-interval needs --resume")
    }
    if layers != nil, !samples { throw ValidationError("--layers is for runs of the sampler") }
    if resume, !samples {
      throw ValidationError(
        "--resume is for runs of the sampler; a text encoder runs once, block by block")
    }
    guard unused.isEmpty else {
      let runs = merge.isEmpty ? (dataFree ? "--data-free" : "--part \(part)") : "--merge"
      throw ValidationError("\(runs) takes no \(unused.joined(separator: ", "))")
    }
  }

  /// Whether the model's sampler is run.
  private var samples: Bool { part == "transformer" && !dataFree && merge.isEmpty }

  /// Options that were given and that a run without the sampler has no use for.
  private var unused: [String] {
    guard !samples else { return [] }
    let ofPrompts: [(String, Bool)] = [
      ("--skip", skip != 0), ("--limit", limit != nil),
      ("--max-sequence-length", sampling.maxSequenceLength != nil),
      ("--clean-caption", sampling.cleanCaption != nil),
    ]
    let ofModels: [(String, Bool)] = [
      ("--part", part != "transformer"), ("--base", folder.base != nil),
      ("--pipeline", folder.pipeline != nil), ("--variant", folder.variant != nil),
    ]
    let runs = merge.isEmpty && !dataFree
    return
      (sampling.ofSampler + text.given
      + [("--tokens-per-sample", tokensPerSample != 256)] + (runs ? [] : ofPrompts)
      + (merge.isEmpty ? [] : ofModels)).filter(\.1).map(\.0)
  }

  private var files: RunFiles {
    var files = RunFiles()
    for path in merge { files.reads(path, "--merge") }
    files.reads(promptFile, "--prompt-file")
    files.reads(text.promptEmbeds, "--prompt-embeds")
    files.writes(output, "--output")
    if resume { files.writes("\(output).resume", "--resume") }
    files.fills(text.embedsCache, "--embeds-cache")
    return files
  }

  func run() throws {
    running.apply()
    let files = files
    try planning.check(files)
    guard merge.isEmpty else { return try mergeStatistics(merge, to: output) }
    guard !dataFree else { return try describe(files) }
    guard samples else { return try readTexts(files) }
    var stage = CollectStatistics()
    stage.model = model ?? ""
    stage.folderOptions = folder.options
    stage.prompts = try readPrompts(promptFile ?? "-")
    stage.sampling = sampling.options
    stage.text = text.options(sampling)
    stage.seed = sampling.seed.seed()
    stage.tokensPerSample = tokensPerSample
    stage.skip = skip
    stage.limit = limit
    stage.layerPattern = layers
    stage.output = output
    stage.resumes = resume
    stage.resumeInterval = resumeInterval
    stage.files = files
    stage.isVerbose = running.verbose
    guard try !planning.printed(stage.plan) else { return }
    try stage.run()
  }

  private func readTexts(_ files: RunFiles) throws {
    var stage = CollectTextStatistics()
    stage.files = files
    stage.part = part
    stage.model = model ?? ""
    stage.folderOptions = folder.options
    stage.prompts = try readPrompts(promptFile ?? "-")
    stage.text = text.options(sampling)
    stage.skip = skip
    stage.limit = limit
    stage.output = output
    stage.isVerbose = running.verbose
    guard try !planning.printed(stage.plan) else { return }
    try stage.run()
  }

  private func describe(_ files: RunFiles) throws {
    var stage = DescribeLayers()
    stage.files = files
    stage.part = part
    stage.model = model ?? ""
    stage.folderOptions = folder.options
    stage.output = output
    try stage.run()
  }
}
