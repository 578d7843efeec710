import Formats
import Models
import Platform
import Tensors

/// Where the transformer comes from: a model folder (float or packed), or a packed stream with the folder it was made from.
package struct TransformerSource {
  /// The folder of the text encoder, tokenizer, scheduler and VAE.
  package let folder: ModelFolder
  package let weights: any TensorSource
  package let config: ModelConfig
  /// Nil for a float model.
  package let packed: PackedLayout?

  /// Opens `path`: a model folder, or a packed safetensors file (`-`: stdin).
  ///
  /// - Parameters:
  ///   - path: the folder or file.
  ///   - base: the folder of the other parts when `path` is a packed file; default: where it was packed from.
  /// - Throws: `Failure` for a folder or file that is no model.
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
    packed =
      StreamMetadata.kind(of: weights) == nil ? nil : try PackedLayout(of: weights)
  }

  /// Builds the transformer.
  ///
  /// - Parameter precision: what inner values are rounded to instead of what a packed model says.
  /// - Returns: the transformer, its weights mapped.
  /// - Throws: `Failure` naming the tensor that is missing or does not fit.
  package func transformer(_ precision: RunPrecision = RunPrecision()) throws -> PixArtTransformer {
    try PixArtTransformer(
      config: config, weights: weights, attention: try precision.attention(of: packed)
    ) { name, inputs, outputs in
      if let packed {
        return try packed.linear(
          name, inputs: inputs, outputs: outputs, activations: precision.activations, from: weights)
      }
      let isInBlock = name.hasPrefix("transformer_blocks.")
      return try Linear(
        name, inputs: inputs, outputs: outputs,
        activations: isInBlock ? precision.activations(of: nil) : nil, from: weights)
    }
  }
}
