import ArgumentParser
import CommandLine
import Formats
import Platform
import Rounding

extension Recipe: ExpressibleByArgument {}
extension RoundingMethod: ExpressibleByArgument {}
extension ScaleSearch: ExpressibleByArgument {}
extension LayerFormats.ScaleType: ExpressibleByArgument {}

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

  @Option(help: "nearest, gptq, adaround or descent.")
  var method = RoundingMethod.descent

  @Option(
    help: "balanced (blocks only), fp4dit-alpha or fp4dit-sigma (every layer, as in the paper).")
  var recipe = Recipe.balanced

  @Option(help: "Format of the layers that match a pattern: PATTERN=e2m1, e1m2, e3m0 or int4.")
  var format: [String] = []

  @Option(help: "Keep the layers that match a pattern at 16 bits.")
  var skip: [String] = []

  @Option(help: "Round only the layers that match a pattern: a shard.")
  var layers: String?

  @Option(help: "Weights that share a scale, along the input.")
  var groupSize = 128

  @Option(help: "Type of a group's scale: f16, or e4m3 beside one F32 for the weight.")
  var scaleType = LayerFormats.ScaleType.f16

  @Flag(help: "A scale for the positive and one for the negative weights of a group (AFPQ).")
  var asymmetric = false

  @Flag(help: "Subtract each input channel's mean before quantizing.")
  var center = false

  @Option(help: "Balance inputs and weights by SmoothQuant's exponent, 0 to 1.")
  var smooth: Double?

  @Option(help: "Rotate blocks of up to so many input channels by a Hadamard transform; 1: none.")
  var hadamard = 1

  @Option(help: "How scales are found: absmax, mse (by weight error), output (by output error).")
  var scale = ScaleSearch.output

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
    guard (1...65_536).contains(groupSize) else {
      throw ValidationError("--group-size must be 1 to 65536")
    }
    guard (1...16384).contains(hadamard), hadamard & (hadamard - 1) == 0 else {
      throw ValidationError("--hadamard must be a power of two up to 16384")
    }
    guard smooth.map({ (0...1).contains($0) }) ?? true else {
      throw ValidationError("--smooth must be 0 to 1")
    }
    guard damping >= 0, damping.isFinite else {
      throw ValidationError("--damping must be positive")
    }
    guard (1...1_000_000).contains(iterations) else {
      throw ValidationError("--iterations must be 1 to 1000000")
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
    stage.options.method = method
    stage.options.groupSize = groupSize
    stage.options.scaleSearch = scale
    stage.options.scaleType = scaleType
    stage.options.isSplit = asymmetric
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
