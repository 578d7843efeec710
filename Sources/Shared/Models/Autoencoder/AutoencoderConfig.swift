import Platform
import Tensors

/// The settings of diffusers' `AutoencoderKL`, read from its `config.json`.
package struct AutoencoderConfig: Sendable {
  /// Channels of the picture.
  package let inChannels: Int
  package let outChannels: Int
  package let latentChannels: Int
  /// Channels by level, finest first; each level but the last halves the picture.
  package let levels: [Int]
  package let layersPerLevel: Int
  package let normGroups: Int
  package let hasMidAttention: Bool
  package let hasQuantConvolution: Bool
  package let hasPostQuantConvolution: Bool
  /// Latents are multiplied by this after encoding, divided before decoding.
  package let scalingFactor: Float
  /// Pixels along a side at the size the model was trained on; the size of a tile.
  package let sampleSize: Int

  /// Pixels along a side of a latent pixel.
  package var downsampling: Int { 1 << (levels.count - 1) }

  package init(_ config: ModelConfig) throws {
    _ = try config.choice("_class_name", of: ["AutoencoderKL"], default: "AutoencoderKL")
    _ = try config.choice("act_fn", of: ["silu", "swish"], default: "silu")
    inChannels = try config.bounded("in_channels", default: 3)
    outChannels = try config.bounded("out_channels", default: 3)
    latentChannels = try config.bounded("latent_channels", default: 4)
    layersPerLevel = try config.bounded("layers_per_block", default: 1)
    normGroups = try config.bounded("norm_num_groups", default: 32)
    sampleSize = try config.bounded("sample_size", default: 32)
    hasMidAttention = try config.bool("mid_block_add_attention") ?? true
    hasQuantConvolution = try config.bool("use_quant_conv") ?? true
    hasPostQuantConvolution = try config.bool("use_post_quant_conv") ?? true

    let levels = try config.ints("block_out_channels") ?? [64]
    let groups = normGroups
    guard (1...8).contains(levels.count),
      levels.allSatisfy({ $0 > 0 && $0 <= 1 << 16 && $0 % groups == 0 })
    else {
      throw Failure(
        config.path,
        "block_out_channels: expected 1 to 8 multiples of norm_num_groups = \(groups), found \(levels)"
      )
    }
    self.levels = levels
    for (key, kind) in [
      ("down_block_types", "DownEncoderBlock2D"), ("up_block_types", "UpDecoderBlock2D"),
    ] {
      let found = try config.strings(key) ?? [kind]
      guard found == levels.map({ _ in kind }) else {
        throw Failure(
          config.path, "\(key): expected \(levels.count) x \(kind), found \(config.found(key))")
      }
    }

    scalingFactor = Float(
      try config.number("scaling_factor", in: 0.0001...10_000, default: 0.18215))
    if let shift = try config.double("shift_factor"), shift != 0 {
      throw Failure(config.path, "shift_factor: expected null, found \(shift)")
    }
  }
}
