import ArgumentParser
import CommandLine
import Formats
import Platform
import Rounding

extension Recipe: ExpressibleByArgument {}
extension RoundingMethod: ExpressibleByArgument {}
extension ScaleSearch: ExpressibleByArgument {}
extension LayerFormats.ScaleType: ExpressibleByArgument {}
extension RankMetric: ExpressibleByArgument {}

@main
struct FpqRound: Tool {
  static let configuration = CommandConfiguration(
    commandName: "fpq-round",
    abstract: "Choose 4-bit codes and scales for the weights, by what the layers' outputs lose.",
    discussion: """
      Reads statistics from fpq-stats and the float weights of the same model, and writes one code a byte with a \
      scale per group. Layers are independent: --layers makes a shard that fpq-pack merges.

        fpq-round -i stats.safetensors -o codes.safetensors --report layers.tsv
        fpq-round -i stats.safetensors --method adaround --format '*.ff.net.0.proj=e3m0' -o codes.safetensors
      """)

  @Option(name: [.short, .long], help: "Statistics from fpq-stats; - is stdin.")
  var input = "-"

  @Option(name: [.short, .long], help: "Codes file to write; - is stdout.")
  var output = "-"

  @Option(
    name: [.customShort("m"), .long], help: "Model folder (default: the one of the statistics).")
  var model: String?

  @Option(
    help: "nearest, gptq, adaround or descent (default: descent; adaround with fpq-greedy).")
  var method: RoundingMethod?

  @Option(
    help: ArgumentHelp(
      "balanced (blocks only), fp4dit-alpha or fp4dit-sigma (every layer, as in the paper), or fpq-greedy.",
      discussion: """
        fpq-greedy searches format and clip of a whole weight, then of its input, by their own errors.
        """))
  var recipe = Recipe.balanced

  @Option(help: "Bits of fpq-greedy's static activations: 8 or 6 (default: 8).")
  var activationBits: Int?

  @Option(help: "Format of the layers that match a pattern: PATTERN=e2m1, e1m2, e3m0 or int4.")
  var format: [String] = []

  @Option(help: "Keep the layers that match a pattern at 16 bits.")
  var skip: [String] = []

  @Option(help: "Round only the layers that match a pattern: a shard.")
  var layers: String?

  @Option(help: "Weights that share a scale, along the input (default: 128).")
  var groupSize: Int?

  @Option(help: "Type of a group's scale: f16, or e4m3 beside one F32 for the weight.")
  var scaleType = LayerFormats.ScaleType.f16

  @Flag(help: "A scale for the positive and one for the negative weights of a group (AFPQ).")
  var asymmetric = false

  @Flag(help: "Subtract each input channel's mean before quantizing.")
  var center = false

  @Option(help: "Balance inputs and weights by SmoothQuant's exponent, 0 to 1.")
  var smooth: Double?

  @Option(help: "Rotate blocks of so many input channels by a Hadamard transform; 1: none.")
  var hadamard = 1

  @Option(help: "Rank of a 16-bit branch beside the codes, as SVDQuant has it; 0: none.")
  var rank = 0

  @Option(
    help: "What the branch is nearest in: output (of the layer), or weight, which is SVDQuant's.")
  var rankMetric: RankMetric?

  @Option(help: "TEMP") var rounds = 1

  @Option(
    help: "How scales are found: absmax, mse (by weight error), output (by output error; default).")
  var scale: ScaleSearch?

  @Option(help: "Added to the Gram matrix's diagonal, in units of its mean.")
  var damping = 0.01

  @Flag(inversion: .prefixedNo, help: "Round the strongest input channels first (gptq, descent).")
  var sortChannels = true

  @Flag(inversion: .prefixedNo, help: "Correct the bias by what the mean input loses.")
  var biasCorrection = true

  @Option(help: "Iterations of adaround.")
  var iterations = 2500

  @Flag(inversion: .prefixedNo, help: "Scale-aware adaround, as FP4DiT; off is plain adaround.")
  var scaleAware = true

  @Option(help: "Statistics of other prompts, on which the report judges each layer.")
  var heldOut: String?

  @Option(help: "Write a table of the layers' errors to this TSV file.")
  var report: String?

  @OptionGroup(title: "Running") var running: RunArguments

  func validate() throws {
    guard format.allSatisfy({ $0.split(separator: "=").count == 2 }) else {
      throw ValidationError("--format wants PATTERN=FORMAT")
    }
    guard (1...65_536).contains(groupSize ?? 1) else {
      throw ValidationError("--group-size must be 1 to 65536")
    }
    guard (1...16384).contains(hadamard), hadamard & (hadamard - 1) == 0 else {
      throw ValidationError("--hadamard must be a power of two up to 16384")
    }
    guard smooth.map({ (0...1).contains($0) }) ?? true else {
      throw ValidationError("--smooth must be 0 to 1")
    }
    guard (0...16384).contains(rank) else {
      throw ValidationError("--rank must be 0 to 16384")
    }
    if recipe == .fpqGreedy { try validateGreedy() } else if activationBits != nil {
      throw ValidationError("--activation-bits needs --recipe fpq-greedy")
    }
    if rank == 0, rankMetric != nil { throw ValidationError("--rank-metric needs --rank") }
    guard damping >= 0, damping.isFinite else {
      throw ValidationError("--damping must be positive")
    }
    guard (1...1_000_000).contains(iterations) else {
      throw ValidationError("--iterations must be 1 to 1000000")
    }
  }

  /// What leaves no sense to one scale a weight and to static scales of inputs as they come.
  private func validateGreedy() throws {
    guard [8, 6].contains(activationBits ?? 8) else {
      throw ValidationError("--activation-bits must be 8 or 6")
    }
    guard [nil, .nearest, .adaround].contains(method) else {
      throw ValidationError("--recipe fpq-greedy takes --method adaround or nearest")
    }
    let refused = [
      ("--group-size", groupSize != nil), ("--scale", scale != nil),
      ("--scale-type", scaleType != .f16), ("--asymmetric", asymmetric), ("--center", center),
      ("--smooth", smooth != nil), ("--hadamard", hadamard > 1),
    ].filter(\.1).map(\.0)
    guard refused.isEmpty else {
      throw ValidationError(
        "--recipe fpq-greedy has one scale for a weight and one for its input as it is: leave out \(refused.joined(separator: ", "))"
      )
    }
  }

  func run() throws {
    running.apply()
    var stage = try RoundModel()
    stage.statistics = input
    stage.output = output
    stage.model = model
    stage.heldOut = heldOut
    stage.recipe = recipe
    stage.overrides.formats = format.map {
      let parts = $0.split(separator: "=").map(String.init)
      return (parts[0], parts[1])
    }
    stage.overrides.skipped = skip
    stage.layerPattern = layers
    stage.objective.damping = damping
    stage.objective.order = sortChannels ? .descending : .natural
    stage.objective.biasCorrection = biasCorrection
    stage.options.method = method ?? (recipe == .fpqGreedy ? .adaround : .descent)
    stage.activationBits = activationBits ?? 8
    stage.options.groupSize = groupSize ?? 128
    stage.options.scaleSearch = scale ?? .output
    stage.options.scaleType = scaleType
    stage.options.isSplit = asymmetric
    stage.options.rank = rank
    stage.options.rankMetric = rankMetric ?? .output
    stage.options.branchRounds = rounds
    stage.input.centers = center
    stage.input.smoothing = smooth
    stage.input.hadamard = hadamard
    stage.options.adaRound.iterations = iterations
    stage.options.adaRound.scaleAware = scaleAware
    stage.reportPath = report
    stage.isVerbose = running.verbose
    try stage.run()
  }
}
