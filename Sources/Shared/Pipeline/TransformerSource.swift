import Formats
import Layers
import Models
import Platform
import Streams
import Tensors

/// Where the transformer comes from: a model folder (float or packed), or a packed stream with the
/// folder it was made from.
package struct TransformerSource {
  /// The folder of the text encoder, tokenizer, scheduler and VAE.
  package let folder: ModelFolder
  package let family: ModelFamily
  package let weights: any TensorSource
  package let config: ModelConfig
  /// Nil for a float model.
  package let packed: PackedLayout?

  /// Opens `path`: a model folder, or a packed safetensors file (`-`: stdin).
  ///
  /// - Parameters:
  ///   - path: the folder or file.
  ///   - base: the folder of the other parts when `path` is a packed file; default: where it was
  ///     packed from.
  /// - Throws: `Failure` for a folder or file that is no model, or of a family that is not known.
  package init(_ path: String, base: String? = nil) throws {
    if path == "-" || path.hasSuffix(".safetensors") {
      let file = try SafetensorsFile(path)
      let metadata = try StreamMetadata(of: file, expected: .packed)
      folder = try ModelFolder(base ?? metadata.model(in: file.path, option: "--base"))
      weights = file
      config = try ModelConfig(
        text: metadata.setting("config", in: file.path), path: "\(file.path): fpq.config")
    } else {
      folder = try ModelFolder(path)
      weights = try folder.transformerWeights()
      config = try folder.config("transformer")
    }
    family = try .of(folder)
    packed = StreamMetadata.isStream(weights) ? try PackedLayout(of: weights) : nil
  }

  /// Builds the transformer.
  ///
  /// - Parameters:
  ///   - precision: what inner values are rounded to instead of what a packed model says.
  ///   - other: weights that are read instead of the source's own, whose names and shapes they
  ///     have.
  /// - Returns: the transformer, its weights mapped.
  /// - Throws: `Failure` naming the tensor that is missing or does not fit.
  package func transformer(
    _ precision: RunPrecision = RunPrecision(), reading other: (any TensorSource)? = nil
  ) throws -> any DiffusionTransformer {
    let weights = other ?? self.weights
    let parts = TransformerParts(
      config: config, weights: weights, attention: try precision.attention(of: packed)
    ) { role, inputs, outputs in
      if let packed {
        return try packed.linear(
          role, inputs: inputs, outputs: outputs, activations: precision.activations, from: weights)
      }
      return try Linear(
        role, inputs: inputs, outputs: outputs,
        activations: role.block != nil ? precision.activations(of: nil) : nil, from: weights)
    }
    return try family.transformer(parts)
  }

  /// The family's text encoders, with so many tokens of a prompt.
  package func textEncoding(promptLength: Int?) throws -> TextEncoding {
    try family.textEncoding(folder, promptLength)
  }
}

extension ModelFamily {
  /// The families that this program runs.
  private static let all: [ModelFamily] = [.pixArt, .hunyuanDiT]

  /// The family of the pipeline in `folder`.
  ///
  /// - Throws: `Failure` naming the pipelines that are known.
  fileprivate static func of(_ folder: ModelFolder) throws -> ModelFamily {
    guard let family = all.first(where: { $0.pipelines.contains(folder.pipelineClass) }) else {
      let known = all.flatMap(\.pipelines).joined(separator: " or ")
      throw Failure(
        "\(folder.path)/model_index.json",
        "_class_name: expected \(known), found \(folder.pipelineClass)")
    }
    return family
  }
}
