import Formats
import Layers
import Models
import Platform
import Sampling
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
  ///   - options: what is said of it; without a base the other parts of a packed file are those
  ///     that it was packed from.
  /// - Throws: `Failure` for a folder or file that is no model, or of a family that is not known.
  package init(
    _ path: String, _ options: ModelFolder.Options = ModelFolder.Options()
  ) throws {
    var folder: ModelFolder
    let borrowsPipeline: Bool
    if path == "-" || path.hasSuffix(".safetensors") {
      let file = try SafetensorsFile(path)
      let metadata = try StreamMetadata(of: file, expected: .packed)
      try metadata.check(part: ModelFolder.transformerPart, in: file.path)
      let parts = try metadata.parts(in: file.path, options)
      folder = try ModelFolder(parts.path, parts.options)
      weights = file
      config = try ModelConfig(
        text: metadata.setting("config", in: file.path), path: "\(file.path): fpq.config")
      folder.transformerConfig = config
      borrowsPipeline = options.base != nil && parts.options.pipeline == nil
    } else {
      folder = try ModelFolder(path, options)
      weights = try folder.transformerWeights()
      config = try folder.config("transformer")
      borrowsPipeline = folder.borrowsPipeline
    }
    if borrowsPipeline {
      folder.pipelineClass = try ModelFamily.pipeline(of: config, weights, parts: folder)
    }
    family = try .of(folder)
    self.folder = folder
    packed = StreamMetadata.isStream(weights) ? try PackedLayout(of: weights) : nil
    try packed?.metadata.check(part: ModelFolder.transformerPart, in: weights.path)
  }

  /// Builds the transformer.
  ///
  /// - Parameters:
  ///   - precision: what inner values are rounded to instead of what a packed model says.
  ///   - other: weights that are read instead of the source's own, whose names and shapes they
  ///     have.
  /// - Returns: the transformer, its weights mapped.
  /// - Throws: `Failure` naming the tensor that is missing, does not fit, or is not finite, that of a
  ///   block which the configuration does not count, or that of a packed model which nothing reads.
  package func transformer(
    _ precision: RunPrecision = RunPrecision(), reading other: (any TensorSource)? = nil
  ) throws -> any DiffusionTransformer {
    try precision.check(of: packed)
    let watched = WatchedTensors(other ?? self.weights)
    let weights = FiniteTensors(watched)
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
    let transformer = try family.transformer(parts)
    try watched.refuseOtherBlocks(than: Set(transformer.linears.compactMap(\.role.block)))
    if packed != nil { try watched.refuseUnused() }
    return transformer
  }

  /// The family's text encoders, reading prompts as `options` say.
  package func textEncoding(_ options: TextOptions) throws -> TextEncoding {
    try family.textEncoding(folder, options)
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
      let place =
        folder.options.pipeline == nil ? "\(folder.index.path): _class_name" : "--pipeline"
      throw Failure("\(place): expected \(known), found \(folder.pipelineClass)")
    }
    return family
  }

  /// The pipeline of a transformer whose other parts come from elsewhere: as its own family tells,
  /// because the index of those parts may be another's.
  ///
  /// - Throws: `Failure` when the parts are another family's.
  fileprivate static func pipeline(
    of config: ModelConfig, _ weights: any TensorSource, parts: ModelFolder
  ) throws -> String {
    let (name, other) = (try config.string("_class_name"), parts.pipelineClass)
    guard let family = all.first(where: { $0.transformers.contains(name ?? "") }) else {
      return other
    }
    guard family.pipelines.contains(other) else {
      let own = family.pipelines.joined(separator: " or ")
      throw Failure(
        parts.index.path,
        "_class_name: expected \(own) as \(config.path) is of \(name ?? "none"), found \(other)")
    }
    let own = try family.pipeline(config, weights, other)
    if own != other {
      Console.say("\(parts.index.path): \(other), taken for \(own) as the transformer is")
    }
    return own
  }
}
