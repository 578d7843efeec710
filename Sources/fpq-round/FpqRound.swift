import ArgumentParser
import CommandLine
import Formats
import Inspection
import Platform
import Reconstruction
import RoundStage
import Rounding

extension Recipe: ExpressibleByArgument {}
extension RoundingMethod: ExpressibleByArgument {}
extension ScaleSearch: ExpressibleByArgument {}
extension ScaleStorage: ExpressibleByArgument {}
extension SharedBit.Mode: ExpressibleByArgument {}
extension RankMetric: ExpressibleByArgument {}
extension ReconstructionOptions.Inputs: ExpressibleByArgument {}

/// What is rounded together, `--objective`.
enum Objective: String, ExpressibleByArgument, CaseIterable { case layer, block }

@main
struct FpqRound: Tool {
  static let configuration = CommandConfiguration(
    commandName: "fpq-round",
    abstract: "Choose 4-bit codes and scales for the weights, by what the layers' outputs lose.",
    discussion: """
      Reads statistics from fpq-stats and the float weights of the same model, and writes one code a byte with a \
      scale per group. Layers are independent: --layers makes a shard that fpq-pack merges. With --inputs quantized \
      a layer makes up for what those before it lose, and with --objective block the layers of a transformer block \
      are chosen together, on inputs that the model's own sampler makes again from the prompts of the statistics.

        fpq-round -i stats.safetensors -o codes.safetensors --report layers.tsv
        fpq-round -i stats.safetensors --recipe fp4dit-alpha --method adaround --objective block -o codes.safetensors
        fpq-round -i stats.safetensors --format '*.attn1.*=int4' --method gptq -o codes.safetensors
      """)

  @Option(name: [.short, .long], help: "Statistics from fpq-stats; - is stdin.")
  var input = "-"

  @Option(name: [.short, .long], help: "Codes file to write; - is stdout.")
  var output = "-"

  @Option(
    name: [.customShort("m"), .long], help: "Model folder (default: the one of the statistics).")
  var model: String?

  @Option(
    help: """
      balanced (the blocks in lloyd4, the best picture), fp4dit-alpha or fp4dit-sigma (every layer, as in the \
      paper), or fpq-greedy (format and clip of whole weights and inputs by their own errors).
      """)
  var recipe = Recipe.balanced

  @Option(
    help: "nearest, gptq, adaround or descent (default: descent with balanced, else adaround).")
  var method: RoundingMethod?

  @Option(
    help: """
      Format of the layers that match a pattern: PATTERN=e2m1, e1m2, e3m0, int4, lloyd4; with --method nearest \
      also fp5.33 and fp4.25 (AMS-Quant).
      """)
  var format: [String] = []

  @Option(help: "Keep the layers that match a pattern at 16 bits.")
  var skip: [String] = []

  @Option(help: "Round only the layers that match a pattern: a shard.")
  var layers: String?

  @Option(
    help: """
      Weights that share a scale, along the input (default: 128; balanced 64; fp5.33 and fp4.25 the row; \
      fpq-greedy the whole weight).
      """)
  var groupSize: Int?

  @Option(
    help:
      "Type of a scale: f16, or e4m3 beside one F32 for the weight (default: f16; balanced e4m3).")
  var scaleType: ScaleStorage?

  @Option(
    help: """
      How scales are found: absmax (default of the fp4dit recipes), mse (by weight error), output (by output error; \
      default of balanced), four-over-six (e2m1 with --scale-type e4m3).
      """)
  var scale: ScaleSearch?

  @Flag(help: "A scale for the positive and one for the negative weights of a group (AFPQ).")
  var asymmetric = false

  @Option(
    help: "How fp5.33 and fp4.25 round: to the nearest code with the shared bit, or overwrite it.")
  var sharedBit = SharedBit.Mode.nearest

  @Flag(
    inversion: .prefixedNo,
    help: "Subtract each input channel's mean before quantizing (default: only balanced).")
  var center: Bool?

  @Option(
    help: "Balance inputs and weights by SmoothQuant's exponent, 0 to 1 (default: balanced 0.25).")
  var smooth: Double?

  @Flag(help: "Do not balance inputs and weights.")
  var noSmooth = false

  @Option(
    help: """
      Rotate blocks of up to so many input channels by a Hadamard transform; 1: none (default: 1; balanced 128).
      """)
  var hadamard: Int?

  @Option(help: "Rank of a 16-bit branch beside the codes, as SVDQuant has it; 0: none.")
  var rank = 0

  @Option(
    help: "What the branch is nearest in: output (of the layer), or weight, which is SVDQuant's.")
  var rankMetric: RankMetric?

  @Option(help: "Bits of fpq-greedy's static activations: 8 or 6 (default: 8).")
  var activationBits: Int?

  @Option(help: "Added to the Gram matrix's diagonal, in units of its mean.")
  var damping = 0.01

  @Flag(inversion: .prefixedNo, help: "Round the strongest input channels first (gptq, descent).")
  var sortChannels = true

  @Flag(
    inversion: .prefixedNo,
    help: "Correct the bias by what the mean input loses (default: not with the fp4dit recipes).")
  var biasCorrection: Bool?

  @Option(
    help: "layer (each by its own output), or block (whole transformer blocks; adaround, descent).")
  var objective = Objective.layer

  @Option(help: "Iterations of adaround, and of a block's tuning.")
  var iterations = 2500

  @Flag(inversion: .prefixedNo, help: "Scale-aware adaround, as FP4DiT; off is plain adaround.")
  var scaleAware = true

  @Option(
    help: """
      What layers and blocks are fed: quantized (by what is rounded before them; default with --objective block), \
      full (by the float model; default).
      """)
  var inputs: ReconstructionOptions.Inputs?

  @Option(
    help: "Inputs of the network that --inputs quantized and --objective block run (default: 512).")
  var samples: Int?

  @Option(help: "Inputs of one iteration of a block.")
  var batchSize: Int?

  @Option(help: "Round the inputs of a block's layers while it learns: FORMAT[:token|token-group].")
  var tuneActivations: String?

  @Flag(help: "Descent on blocks moves codes too, not only scales and biases.")
  var tuneCodes = false

  @Option(help: "Write the losses of each unit while it learns to this TSV file.")
  var trace: String?

  @Option(help: "Statistics of other prompts, on which the report judges each layer.")
  var heldOut: String?

  @Option(help: "Write a table of the layers' errors to this TSV file.")
  var report: String?

  @Option(
    help: """
      Instead of rounding print how to split so many bits (3 to 8) into exponent and mantissa: by a scaling law, \
      and for 4 to 6 bits by the statistics.
      """)
  var advise: Int?

  @Flag(help: "Print --advise as tab-separated columns in full precision.")
  var tsv = false

  @OptionGroup(title: "Running") var running: RunArguments

  func run() throws {
    running.apply()
    var stage = try stage()
    stage.statistics = input
    stage.output = output
    stage.model = model
    stage.heldOut = heldOut
    stage.layerPattern = layers
    stage.reportPath = report
    stage.tracePath = trace
    stage.isVerbose = running.verbose
    let layout = stage.options.layout
    if let groupSize,
      let shared = try namedFormats().first(where: { layout.with($0).grouping == .row })
    {
      Console.say("\(shared): one scale a row, not one for \(groupSize) weights (--group-size)")
    }
    if let advise {
      return try Console.output(stage.advise(bits: advise).rendered(tsv ? .tsv : .aligned))
    }
    try stage.run()
  }

  /// What the arguments ask for, files aside: the recipe, and what the user wants instead.
  func stage() throws -> RoundModel {
    var stage = try RoundModel(recipe)
    stage.overrides.formats = format.map {
      let parts = $0.split(separator: "=").map(String.init)
      return (parts[0], parts[1])
    }
    stage.overrides.skipped = skip
    stage.objective.damping = damping
    stage.objective.order = sortChannels ? .descending : .natural
    stage.objective.biasCorrection = biasCorrection ?? stage.objective.biasCorrection
    stage.options.method = method ?? stage.options.method
    if let groupSize { stage.options.layout.grouping = .groups(of: groupSize) }
    stage.options.scaleSearch = scale ?? stage.options.scaleSearch
    stage.options.layout.scales = scaleType ?? stage.options.layout.scales
    stage.options.layout.isTwoSided = asymmetric
    stage.options.sharedBitMode = sharedBit
    stage.options.rank = rank
    stage.options.rankMetric = rankMetric ?? stage.options.rankMetric
    stage.options.adaRound.iterations = iterations
    stage.options.adaRound.scaleAware = scaleAware
    stage.input.centers = center ?? stage.input.centers
    stage.input.smoothing = noSmooth ? nil : smooth ?? stage.input.smoothing
    stage.input.hadamard = hadamard ?? stage.input.hadamard
    stage.activationBits = activationBits ?? stage.activationBits
    stage.reconstruction = try reconstruction()
    return stage
  }

  /// What is rounded in the order of the network; nil: each layer by itself, from the statistics alone.
  private func reconstruction() throws -> ReconstructionOptions? {
    var options = ReconstructionOptions()
    options.isByBlock = objective == .block
    options.inputs = inputs ?? (options.isByBlock ? .quantized : .full)
    guard options.isByBlock || options.inputs == .quantized else { return nil }
    options.samples = samples ?? options.samples
    options.batchSize = batchSize ?? options.batchSize
    options.activations = try tuneActivations.flatMap { try ActivationFormat.parse($0) }
    options.tuning.iterations = iterations
    options.tuning.tunesCodes = tuneCodes
    return options
  }

  /// The formats that the user asks for.
  func namedFormats() throws -> [NumberFormat] {
    try format.map { try NumberFormat(String($0.split(separator: "=")[1])) }
  }
}
