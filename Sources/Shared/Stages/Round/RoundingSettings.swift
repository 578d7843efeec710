import Formats
import Reconstruction
import Rounding

/// What is rounded together, `--objective`.
package enum Objective: String, Sendable, CaseIterable { case layer, block }

/// What the user asks of `fpq-round` beyond files, over what the recipe has: all that decides the
/// codes.
///
/// The options of every stage are made from it, and from nothing else, and so is the command line
/// in the history of a codes stream, by which shards are told apart: each property is an option of
/// its name, in this order. Nil is an option that says nothing: one that changes nothing here, or
/// that has its usual value.
package struct RoundingSettings: Sendable, CommandGroup {
  /// Scales that groups of weights share.
  package struct Groups: Sendable, CommandGroup {
    package var groupSize = 128
    package var scaleType = ScaleStorage.f16
    package var scale = ScaleSearch.output
  }

  /// How the inputs of layers are prepared.
  package struct Preparation: Sendable, CommandGroup {
    package var hadamard = 1
    package var center = false
    package var smooth = Smoothing.none
  }

  package enum Smoothing: Sendable {
    case none
    /// SmoothQuant's.
    case exponent(Double)
  }

  package struct AdaRound: Sendable, CommandGroup {
    package var iterations = AdaRoundOptions().iterations
    /// Nil is true.
    package var scaleAware: Bool?
  }

  /// Whole transformer blocks, by what their outputs lose.
  package struct Blocks: Sendable, CommandGroup {
    let objective = Objective.block
    package var batchSize = ReconstructionOptions().batchSize
    /// What follows descent; nil with other methods.
    package var tuning: Tuning?
    package var tuneActivations: ActivationFormat?

    package init() {}
  }

  package struct Tuning: Sendable, CommandGroup {
    package var iterations = TuningOptions().iterations
    /// Nil is false.
    package var tuneCodes: Bool?

    package init() {}
  }

  package var method: RoundingMethod
  package let recipe: Recipe
  package var activationBits: Int?
  /// Nil: one scale for a whole weight.
  package var groups: Groups?
  /// Nil: as they come.
  package var preparation: Preparation?
  /// Nil: the part decides, when it is known.
  package var damping: Double?
  package var format: [FormatOverride] = []
  package var skip: [String] = []
  /// Nil is false.
  package var asymmetric: Bool?
  /// Nil is `nearest`.
  package var sharedBit: SharedBit.Mode?
  /// Of the branch; nil: none.
  package var rank: Int?
  package var rankMetric: RankMetric?
  /// Nil is true.
  package var sortChannels: Bool?
  package var biasCorrection: Bool
  /// Nil with other methods.
  package var adaround: AdaRound?
  package var inputs = ReconstructionOptions.Feed.full
  /// How many inputs of the network are run; nil: none, each layer is rounded from its statistics
  /// alone.
  package var samples: Int?
  package var blocks: Blocks?

  /// What `recipe` has, by `method` instead of the recipe's if there is one.
  package init(_ recipe: Recipe, method: RoundingMethod? = nil) {
    self.recipe = recipe
    self.method = method ?? recipe.method
    (groups, preparation) = (recipe.groups, recipe.preparation)
    (activationBits, biasCorrection) = (recipe.activationBits, recipe.biasCorrection)
    if self.method == .adaround { adaround = AdaRound() }
  }

  /// The canonical command line: without files, threads and shards.
  package var command: String { (["fpq-round"] + words).joined(separator: " ") }
}

extension Recipe: CommandValue {
  func words(_ option: String) -> [String] { [option, name] }
}

extension FormatOverride: CommandValue {
  func words(_ option: String) -> [String] { [option, "\(pattern)=\(format)"] }
}

extension RoundingSettings.Smoothing: CommandValue {
  func words(_ option: String) -> [String] {
    switch self {
    case .none: false.words(option)
    case .exponent(let exponent): exponent.words(option)
    }
  }
}

extension RoundingMethod: CommandValue {}
extension ScaleStorage: CommandValue {}
extension ScaleSearch: CommandValue {}
extension SharedBit.Mode: CommandValue {}
extension RankMetric: CommandValue {}
extension ReconstructionOptions.Feed: CommandValue {}
extension Objective: CommandValue {}
extension ActivationFormat: CommandValue {}
