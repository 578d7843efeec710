import Formats
import Layers
import Sampling
import Tensors

/// What this program must know of a family of text-to-image models: its graph, how its text is
/// encoded, and how its pipelines sample.
///
/// The other parts (VAE, scheduler) are the same for all and come from the model folder.
package struct ModelFamily: Sendable {
  /// The classes of its pipelines in diffusers.
  package let pipelines: [String]
  /// The classes of its transformers.
  package let transformers: [String]
  /// Which of `pipelines` a transformer is for whose folder does not say; `other` is the one of the
  /// parts that it is run with.
  package let pipeline:
    @Sendable (_ config: ModelConfig, _ weights: any TensorSource, _ other: String) throws -> String
  /// How these sample.
  package let sampling: SamplingProfile
  /// The text encoders of a model folder, none of which is opened yet.
  ///
  /// Of `options` those count that say how a prompt is read.
  package let textEncoding:
    @Sendable (_ folder: ModelFolder, _ options: TextOptions) throws -> TextEncoding
  /// Views the weights of a transformer.
  package let transformer: @Sendable (_ parts: TransformerParts) throws -> any DiffusionTransformer

  package init(
    pipelines: [String], transformers: [String],
    pipeline:
      @escaping @Sendable (_ config: ModelConfig, _ weights: any TensorSource, _ other: String)
      throws -> String,
    sampling: SamplingProfile,
    textEncoding:
      @escaping @Sendable (_ folder: ModelFolder, _ options: TextOptions) throws ->
      TextEncoding,
    transformer: @escaping @Sendable (_ parts: TransformerParts) throws -> any DiffusionTransformer
  ) {
    (self.pipelines, self.transformers, self.pipeline) = (pipelines, transformers, pipeline)
    self.sampling = sampling
    (self.textEncoding, self.transformer) = (textEncoding, transformer)
  }
}

/// What a transformer is made of.
package struct TransformerParts {
  /// Its `config.json`.
  package let config: ModelConfig
  /// Its tensors; those that the graph does not name are ignored.
  package let weights: any TensorSource
  /// What query, key and value are rounded to, per token and head; nil: not at all.
  package let attention: ActivationFormat?
  /// Makes its linear layers.
  package let makeLinear: LinearFactory

  /// `makeLinear` nil reads `<name>.weight` and `<name>.bias` from `weights`.
  package init(
    config: ModelConfig, weights: any TensorSource, attention: ActivationFormat? = nil,
    makeLinear: LinearFactory? = nil
  ) {
    (self.config, self.weights, self.attention) = (config, weights, attention)
    self.makeLinear = makeLinear ?? { try Linear($0, inputs: $1, outputs: $2, from: weights) }
  }
}
