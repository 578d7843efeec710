import Formats

/// How a model is rounded in the order in which it is computed, `fpq-round --inputs quantized` or
/// `--objective block`.
package struct ReconstructionOptions: Sendable {
  /// What a layer or block is fed with, `--inputs`.
  package enum Feed: String, Sendable, CaseIterable {
    /// What the units before it make of the samples once they are rounded: the paper's asymmetric
    /// reconstruction.
    case quantized
    /// What the float model makes of them: units do not depend on each other.
    case full
  }

  /// Whole transformer blocks by what their outputs lose; else layers.
  package var isByBlock = true
  package var feed = Feed.quantized
  /// How many inputs of the network are kept.
  package var samples = 512
  /// How many of them an iteration looks at.
  package var batchSize = 16
  /// What the inputs of quantized layers are rounded to, straight through; nil: not at all.
  package var activations: ActivationFormat?
  package var tuning = TuningOptions()

  package init() {}
}

/// How a block's scales, biases and codes are tuned after descent.
package struct TuningOptions: Sendable {
  package var iterations = 2500
  /// Adam's rate of a scale, relative to the scale.
  package var scaleRate = 0.001
  /// Adam's rate of a bias, relative to the root of the mean square that rounding adds to its
  /// output.
  package var biasRate = 0.01
  /// Whether codes move too, by the straight-through estimator, `--tune-codes`.
  package var tunesCodes = false
  /// Adam's rate of a latent weight, in units of the distance of its level from the next.
  package var codeRate = 0.005

  package init() {}
}
