import Platform
import Tensors

/// The settings of diffusers' `HunyuanDiT2DModel`, read from its `config.json`.
///
/// Values that this implementation does not compute are refused by name.
package struct HunyuanConfig: Sendable {
  package let heads: Int
  package let headSize: Int
  package let layers: Int
  package let inChannels: Int
  /// Twice as many where it also predicts a variance.
  package let outChannels: Int
  /// Latent pixels along a side of a patch.
  package let patchSize: Int
  /// Latent pixels along a side at the model's own size.
  package let sampleSize: Int
  /// Channels between the two linears of a block's feed-forward network.
  package let feedForwardWidth: Int
  /// Channels of BERT's states, and of all text as the blocks read it.
  package let textWidth: Int
  /// Channels of T5's states.
  package let t5Width: Int
  /// Channels of the pooled text.
  package let pooledWidth: Int
  /// Tokens of a prompt, padding included.
  package let textLength: Int
  package let t5Length: Int
  /// True up to version 1.1: the model is told the picture's size and a style.
  package let usesSizeConditions: Bool

  /// Channels of the transformer, D.
  package var width: Int { heads * headSize }

  static let className = "HunyuanDiT2DModel"
  /// Heads of the pooling attention, in the original no setting.
  static let poolerHeads = 8
  /// Of all its norms.
  static let normEpsilon: Float = 1e-6

  package init(_ config: ModelConfig) throws {
    _ = try config.choice(
      "_class_name", of: [HunyuanConfig.className], default: HunyuanConfig.className)
    _ = try config.choice("norm_type", of: ["layer_norm"], default: "layer_norm")
    _ = try config.choice(
      "activation_fn", of: ["gelu-approximate"], default: "gelu-approximate")
    heads = try config.bounded("num_attention_heads", default: 16)
    headSize = try config.bounded("attention_head_dim", default: 88)
    layers = try config.bounded("num_layers", default: 28)
    inChannels = try config.bounded("in_channels")
    outChannels = inChannels * (try config.bool("learn_sigma") ?? true ? 2 : 1)
    patchSize = try config.bounded("patch_size")
    sampleSize = try config.bounded("sample_size", default: 32)
    textWidth = try config.bounded("cross_attention_dim", default: 1024)
    t5Width = try config.bounded("cross_attention_dim_t5", default: 2048)
    pooledWidth = try config.bounded("pooled_projection_dim", default: 1024)
    textLength = try config.bounded("text_len", default: 77)
    t5Length = try config.bounded("text_len_t5", default: 256)
    usesSizeConditions = try config.bool("use_style_cond_and_image_meta_size") ?? true

    func check(_ key: String, _ isRight: Bool, _ expected: String) throws {
      guard isRight else {
        throw Failure(config.path, "\(key): expected \(expected), found \(config.found(key))")
      }
    }
    let width = heads * headSize
    try check(
      "hidden_size", try config.bounded("hidden_size", default: 1152) == width,
      "heads x head size = \(width)")
    // A quarter of the channels' pairs turn by each coordinate.
    try check("attention_head_dim", headSize % 4 == 0, "a multiple of 4")
    // Every block of the second half but its first reads one of the first half.
    try check("num_layers", layers % 2 == 0 || layers == 1, "an even number of blocks")
    try check("cross_attention_dim_t5", t5Width % Self.poolerHeads == 0, "a multiple of 8")
    try check("patch_size", patchSize <= min(sampleSize, 64), "at most sample_size and 64")
    let ratio = try config.double("mlp_ratio") ?? 4
    try check("mlp_ratio", ratio > 0 && ratio <= 64 && Double(width) * ratio >= 1, "up to 64")
    // As Python's int(): cut.
    feedForwardWidth = Int(clamping: Double(width) * ratio)
  }
}
