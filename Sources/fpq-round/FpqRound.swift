import ArgumentParser
import CommandLine
import Formats
import Inspection
import Platform
import Rounding

extension Recipe: ExpressibleByArgument {}
extension RoundingMethod: ExpressibleByArgument {}
extension ScaleSearch: ExpressibleByArgument {}
extension LayerFormats.ScaleType: ExpressibleByArgument {}
extension SharedBit.Mode: ExpressibleByArgument {}
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
      scale per group. Layers are independent: --layers makes a shard that fpq-pack merges. With --objective block \
      the layers of a transformer block are chosen together, by what its output loses on inputs that the model's \
      own sampler makes again from the prompts of the statistics.

        fpq-round -i stats.safetensors -o codes.safetensors --report layers.tsv
        fpq-round -i stats.safetensors --method adaround --format '*.ff.net.0.proj=e3m0' -o codes.safetensors
        fpq-round -i stats.safetensors --method adaround --objective block --trace loss.tsv -o codes.safetensors
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
    help: "Weights that share a scale, along the input (default: 128; fp5.33 and fp4.25: the row).")
  var groupSize: Int?

  @Option(help: "Type of a group's scale: f16, or e4m3 beside one F32 for the weight.")
  var scaleType = LayerFormats.ScaleType.f16

  @Flag(help: "A scale for the positive and one for the negative weights of a group (AFPQ).")
  var asymmetric = false

  @Option(
    help: "How fp5.33 and fp4.25 round: to the nearest code with the shared bit, or overwrite it.")
  var sharedBit = SharedBit.Mode.nearest

  @Flag(help: "Subtract each input channel's mean before quantizing.")
  var center = false

  @Option(help: "Balance inputs and weights by SmoothQuant's exponent, 0 to 1.")
  var smooth: Double?

  @Option(help: "Rotate blocks of up to so many input channels by a Hadamard transform; 1: none.")
  var hadamard = 1

  @Option(
    help: """
      How scales are found: absmax, mse (by weight error), output (by output error), four-over-six (e2m1 with \
      --scale-type e4m3).
      """)
  var scale = ScaleSearch.output

  @Option(help: "Added to the Gram matrix's diagonal, in units of its mean.")
  var damping = 0.01

  @Flag(inversion: .prefixedNo, help: "Round the strongest input channels first (gptq, descent).")
  var sortChannels = true

  @Flag(inversion: .prefixedNo, help: "Correct the bias by what the mean input loses.")
  var biasCorrection = true

  @Option(
    help: "layer (each by its own output), or block (whole transformer blocks; adaround, descent).")
  var objective = Objective.layer

  @Option(help: "Iterations of adaround, and of a block's tuning.")
  var iterations = 2500

  @Flag(inversion: .prefixedNo, help: "Scale-aware adaround, as FP4DiT; off is plain adaround.")
  var scaleAware = true

  @Option(
    help: "What blocks are fed: quantized (by the rounded units before), full (by the float model)."
  )
  var inputs: ReconstructionOptions.Inputs?

  @Option(help: "Inputs of the network that blocks learn from, of all prompts, steps and halves.")
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
    guard damping >= 0, damping.isFinite else {
      throw ValidationError("--damping must be positive")
    }
    guard (1...1_000_000).contains(iterations) else {
      throw ValidationError("--iterations must be 1 to 1000000")
    }
    guard (1...1_000_000).contains(samples ?? 1), (1...65_536).contains(batchSize ?? 1) else {
      throw ValidationError("--samples must be 1 to 1000000, --batch-size 1 to 65536")
    }
    try validateObjective()
    try validateFormats()
  }

  private func validateObjective() throws {
    if objective == .block {
      guard method == .adaround || method == .descent else {
        throw ValidationError(
          "--objective block takes --method adaround or descent, not \(method.rawValue)")
      }
    } else {
      let given = [
        ("--inputs", inputs != nil), ("--samples", samples != nil),
        ("--batch-size", batchSize != nil), ("--tune-activations", tuneActivations != nil),
        ("--tune-codes", tuneCodes),
      ]
      if let option = given.first(where: \.1)?.0 {
        throw ValidationError("\(option) needs --objective block")
      }
    }
    if tuneCodes, method != .descent {
      throw ValidationError("--tune-codes needs --method descent; adaround chooses codes anyway")
    }
    if trace != nil, objective == .layer, method != .adaround {
      throw ValidationError("--trace needs --method adaround or --objective block")
    }
  }

  private func validateFormats() throws {
    if let advise {
      guard Advice.bits.contains(advise) else { throw ValidationError("--advise must be 3 to 8") }
      guard output == "-", report == nil, heldOut == nil, format.isEmpty else {
        throw ValidationError(
          "--advise tries formats and writes no codes: leave out --format, --output, --report, --held-out"
        )
      }
    } else if tsv {
      throw ValidationError("--tsv is for --advise; a table of the layers is --report")
    }
    let named = try namedFormats()
    for format in try [RoundModel().options.format] + named {
      try asValidation { try options(format).check() }
    }
    guard sharedBit == .nearest || named.contains(where: { $0.sharedBit != nil }) else {
      throw ValidationError("--shared-bit is for layers of --format fp5.33 or fp4.25")
    }
  }

  /// The options of `--objective block`; nil: each layer by itself.
  private func reconstruction() throws -> ReconstructionOptions? {
    guard objective == .block else { return nil }
    var options = ReconstructionOptions()
    options.inputs = inputs ?? options.inputs
    options.samples = samples ?? options.samples
    options.batchSize = batchSize ?? options.batchSize
    options.activations = try tuneActivations.flatMap { try ActivationFormat.parse($0) }
    options.tuning.iterations = iterations
    options.tuning.tunesCodes = tuneCodes
    return options
  }

  /// The formats that the user asks for.
  private func namedFormats() throws -> [NumberFormat] {
    try format.map { pair in
      try asValidation { try NumberFormat(String(pair.split(separator: "=")[1])) }
    }
  }

  /// What can be seen to be wrong from the arguments alone is wrong usage.
  private func asValidation<T>(_ body: () throws -> T) throws -> T {
    do { return try body() } catch let failure as Failure {
      throw ValidationError(failure.description)
    }
  }

  /// How layers of `format` are rounded.
  private func options(_ format: NumberFormat) -> RoundingOptions {
    var options = RoundingOptions(format: format)
    options.method = method
    options.groupSize = groupSize ?? options.groupSize
    options.scaleSearch = scale
    options.scaleType = scaleType
    options.isSplit = asymmetric
    options.sharedBit = sharedBit
    options.adaRound.iterations = iterations
    options.adaRound.scaleAware = scaleAware
    return options
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
    stage.options = options(stage.options.format)
    stage.input.centers = center
    stage.input.smoothing = smooth
    stage.input.hadamard = hadamard
    stage.reconstruction = try reconstruction()
    stage.reportPath = report
    stage.tracePath = trace
    stage.isVerbose = running.verbose
    if let groupSize, let shared = try namedFormats().first(where: { $0.sharedBit != nil }) {
      Console.say("\(shared): one scale a row, not one for \(groupSize) weights (--group-size)")
    }
    if let advise {
      return try Console.output(stage.advise(bits: advise).rendered(tsv ? .tsv : .aligned))
    }
    try stage.run()
  }
}
