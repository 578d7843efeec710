import ArgumentParser
import Formats
import Platform
import Reconstruction
import RoundStage
import Rounding

extension Objective: ExpressibleByArgument {}
extension ReconstructionOptions.Feed: ExpressibleByArgument {}

/// What is rounded together, what it is fed, and how long it learns.
struct BlockArguments: ParsableArguments {
  @Option(
    help: "layer (each by its own output), or block (whole transformer blocks; adaround, descent).")
  var objective = Objective.layer

  @Option(
    help: """
      What layers and blocks are fed: quantized (by what is rounded before them; default with --objective block), \
      full (by the float model; default).
      """)
  var inputs: ReconstructionOptions.Feed?

  @Option(
    parsing: .unconditional,
    help: "Inputs of the network that --inputs quantized and --objective block run (default: 512).")
  var samples: Int?

  @Option(parsing: .unconditional, help: "Iterations of adaround, and of a block's tuning.")
  var iterations = 2500

  @Option(parsing: .unconditional, help: "Inputs of one iteration of a block.")
  var batchSize: Int?

  @Option(help: "Round the inputs of a block's layers while it learns: FORMAT[:token|token-group].")
  var tuneActivations: String?

  @Flag(help: "Descent on blocks moves codes too, not only scales and biases.")
  var tuneCodes = false

  func validate() throws {
    guard (1...1_000_000).contains(iterations) else {
      throw ValidationError("--iterations must be 1 to 1000000")
    }
    guard (1...1_000_000).contains(samples ?? 1), (1...65_536).contains(batchSize ?? 1) else {
      throw ValidationError("--samples must be 1 to 1000000, --batch-size 1 to 65536")
    }
  }

  /// Of settings that have their method.
  ///
  /// - Throws: `Failure` for a format of `--tune-activations` that is none.
  func apply(to settings: inout RoundingSettings) throws {
    settings.adaround?.iterations = iterations
    settings.inputs = inputs ?? (objective == .block ? .quantized : .full)
    guard objective == .block || settings.inputs == .quantized else { return }
    settings.samples = samples ?? ReconstructionOptions().samples
    guard objective == .block else { return }
    var blocks = RoundingSettings.Blocks()
    if let batchSize { blocks.batchSize = batchSize }
    blocks.tuneActivations = try tuneActivations.flatMap { try ActivationFormat.parse($0) }
    if let format = blocks.tuneActivations, format.granularity == .static {
      throw Failure("--tune-activations \(format): expected token or token-group")
    }
    if settings.method == .descent {
      var tuning = RoundingSettings.Tuning()
      tuning.iterations = iterations
      tuning.tuneCodes = tuneCodes ? true : nil
      blocks.tuning = tuning
    }
    settings.blocks = blocks
  }
}
