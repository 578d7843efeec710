import Platform
import Tensors

/// The settings of diffusers' `PixArtTransformer2DModel`, read from its `config.json`.
///
/// The older files of the same network say `Transformer2DModel`. Values that this implementation
/// does not compute are refused by name.
package struct PixArtConfig: Sendable {
  package let heads: Int
  package let headSize: Int
  package let layers: Int
  package let inChannels: Int
  package let outChannels: Int
  /// Channels of the text encoder's states.
  package let captionChannels: Int
  /// Latent pixels along a side of a patch.
  package let patchSize: Int
  /// Latent pixels along a side at the model's own size.
  package let sampleSize: Int
  package let interpolationScale: Double
  /// True when the model is told the picture's size and aspect ratio (the 1024 px PixArt-alpha).
  package let usesSizeConditions: Bool
  package let normEpsilon: Float

  /// Channels of the transformer, D.
  package var width: Int { heads * headSize }

  static let classes = ["PixArtTransformer2DModel", "Transformer2DModel"]

  /// The pipeline of a transformer for which no index speaks: Sigma's have no micro-conditions and
  /// an interpolation scale in their settings, alpha's leave the scale out or null.
  ///
  /// - Parameters:
  ///   - config: its settings.
  ///   - weights: its tensors.
  ///   - other: the pipeline that the parts from elsewhere were made for.
  /// - Returns: a class of pipelines in diffusers.
  /// - Throws: `Failure` for a setting of another type.
  static func pipeline(
    of config: ModelConfig, _ weights: any TensorSource, other: String
  ) throws -> String {
    if hasSizeEmbedders(weights) { return "PixArtAlphaPipeline" }
    return try config.double("interpolation_scale") == nil ? other : "PixArtSigmaPipeline"
  }

  private static func hasSizeEmbedders(_ weights: any TensorSource) -> Bool {
    weights.names.contains { $0.hasPrefix("adaln_single.emb.resolution_embedder.") }
  }

  /// Reads `config`, and from `weights` what it may leave open: whether there are embedders of the
  /// picture's size.
  package init(_ config: ModelConfig, weights: any TensorSource) throws {
    _ = try config.choice("_class_name", of: PixArtConfig.classes, default: PixArtConfig.classes[0])
    _ = try config.choice("norm_type", of: ["ada_norm_single"], default: "ada_norm_single")
    _ = try config.choice(
      "activation_fn", of: ["gelu-approximate"], default: "gelu-approximate")
    _ = try config.choice("attention_type", of: ["default"], default: "default")
    let flags = [
      ("attention_bias", true), ("norm_elementwise_affine", false),
      ("double_self_attention", false), ("only_cross_attention", false),
    ]
    for (key, supported) in flags {
      guard let found = try config.bool(key), found != supported else { continue }
      throw Failure(config.path, "\(key): expected \(supported), found \(found)")
    }

    heads = try config.bounded("num_attention_heads", default: 16)
    headSize = try config.bounded("attention_head_dim", default: 72)
    layers = try config.bounded("num_layers", default: 28)
    inChannels = try config.bounded("in_channels", default: 4)
    // An explicit null means as many as come in; a missing key means the class's default.
    outChannels =
      config.json["out_channels"] == .null
      ? inChannels : try config.bounded("out_channels", default: 8)
    captionChannels = try config.bounded("caption_channels")
    patchSize = try config.bounded("patch_size", default: 2)
    sampleSize = try config.bounded("sample_size", default: 128)
    normEpsilon = try config.epsilon("norm_eps", default: 1e-6)

    let width = heads * headSize
    let crossWidth = try config.bounded("cross_attention_dim", default: 1152)
    guard crossWidth == width else {
      throw Failure(
        config.path,
        "cross_attention_dim: expected heads x head size = \(width), found \(crossWidth)"
      )
    }
    guard width % 4 == 0 else {
      throw Failure(
        config.path, "attention_head_dim: expected a width that is a multiple of 4, found \(width)")
    }
    guard patchSize <= sampleSize else {
      throw Failure(
        config.path, "patch_size: expected at most sample_size = \(sampleSize), found \(patchSize)")
    }
    interpolationScale = try config.number(
      "interpolation_scale", in: 0.001...1000, default: Double(max(sampleSize / 64, 1)))
    usesSizeConditions =
      try config.bool("use_additional_conditions")
      ?? PixArtConfig.hasSizeEmbedders(weights)
    guard !usesSizeConditions || width % 3 == 0 else {
      throw Failure(
        config.path,
        "use_additional_conditions: expected a width that is a multiple of 3, found \(width)")
    }
  }
}
