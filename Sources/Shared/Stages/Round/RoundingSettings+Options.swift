import Formats
import Reconstruction
import Rounding

/// What the settings mean to each stage.
extension RoundingSettings {
  /// How layers are rounded; the format is replaced by each layer's own.
  ///
  /// - Throws: `Failure` for a format name of the recipe that is none.
  package func rounding() throws -> RoundingOptions {
    var layout = WeightLayout(
      try NumberFormat(recipe.formats[0]), groups.map { .groups(of: $0.groupSize) } ?? .weight)
    layout.scales = groups?.scaleType ?? layout.scales
    layout.isTwoSided = asymmetric ?? false
    var options = RoundingOptions(layout)
    options.method = method
    options.scaleSearch = groups?.scale ?? options.scaleSearch
    options.sharedBitMode = sharedBit ?? .nearest
    options.rank = rank ?? 0
    options.rankMetric = rankMetric ?? options.rankMetric
    if let adaround {
      options.adaRound.iterations = adaround.iterations
      options.adaRound.scaleAware = adaround.scaleAware ?? true
    }
    return options
  }

  /// How a site's Gram matrix becomes what is minimised.
  var objective: ObjectiveOptions {
    var options = ObjectiveOptions()
    options.damping = damping ?? options.damping
    options.biasCorrection = biasCorrection
    options.order = sortChannels ?? true ? .descending : .natural
    return options
  }

  /// The damping of a text encoder's objectives.
  ///
  /// Prompts are short and few: an encoder sees some thousand tokens where a transformer sees
  /// millions. The example model's, calibrated on 128 prompts, errs on 202 others by -21.1, -22.1,
  /// -22.6 and -22.6 dB of its output at .01, .1, .3 and 1.
  static let textDamping = 0.3

  /// How inputs are prepared.
  var input: PreparationOptions {
    var options = PreparationOptions()
    guard let preparation else { return options }
    options.hadamard = preparation.hadamard
    options.centers = preparation.center
    if case .exponent(let exponent) = preparation.smooth { options.smoothing = exponent }
    return options
  }

  /// What is rounded in the order of the network; nil: each layer by itself, from the statistics
  /// alone.
  var reconstruction: ReconstructionOptions? {
    guard let samples else { return nil }
    var options = ReconstructionOptions()
    options.isByBlock = blocks != nil
    options.feed = inputs
    options.samples = samples
    guard let blocks else { return options }
    options.batchSize = blocks.batchSize
    options.activations = blocks.tuneActivations
    if let tuning = blocks.tuning {
      options.tuning.iterations = tuning.iterations
      options.tuning.tunesCodes = tuning.tuneCodes ?? false
    }
    return options
  }
}
