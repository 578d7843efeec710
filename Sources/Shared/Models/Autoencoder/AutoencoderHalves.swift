import Kernels
import Layers
import Tensors

/// From latents to pictures: diffusers' `Decoder` with the `post_quant_conv` before it.
struct AutoencoderDecoder: Sendable {
  let postQuantConvolution: Convolution?
  let convolutionIn: Convolution
  let middle: AutoencoderMiddle
  let levels: [AutoencoderLevel]
  let normOut: GroupNorm
  let convolutionOut: Convolution

  init(config: AutoencoderConfig, from source: any TensorSource) throws {
    let (latents, coarse) = (config.latentChannels, config.levels[config.levels.count - 1])
    postQuantConvolution =
      config.hasPostQuantConvolution
      ? try Convolution(
        "post_quant_conv", inputs: latents, outputs: latents, kernel: 1, from: source) : nil
    convolutionIn = try Convolution(
      "decoder.conv_in", inputs: latents, outputs: coarse, from: source)
    middle = try AutoencoderMiddle("decoder.mid_block", config: config, from: source)
    let channels = [coarse] + config.levels.reversed()
    levels = try config.levels.indices.map { index in
      try AutoencoderLevel(
        "decoder.up_blocks.\(index)", inputs: channels[index], outputs: channels[index + 1],
        layers: config.layersPerLevel + 1, groups: config.normGroups,
        resampler: index < config.levels.count - 1 ? ("upsamplers", .doubled) : nil, from: source)
    }
    normOut = try GroupNorm(
      "decoder.conv_norm_out", channels: config.levels[0], groups: config.normGroups,
      from: source)
    convolutionOut = try Convolution(
      "decoder.conv_out", inputs: config.levels[0], outputs: config.outChannels, from: source)
  }

  /// The picture of `latents`, which are divided by the scaling factor already.
  ///
  /// - Parameters:
  ///   - latents: [height][width][latent channels].
  ///   - limit: bytes that maps may take which are not needed as a whole; less memory costs time
  ///     and changes no bit.
  ///   - observer: sees the outputs of modules.
  /// - Returns: [height * downsampling][width * downsampling][out channels].
  func callAsFunction(
    _ latents: FeatureMap, within limit: Int, observer: (any LayerObserver)?
  ) -> FeatureMap {
    var x = MapStage(latents)
    if let postQuantConvolution {
      x = MapStage(postQuantConvolution, of: x).shown(as: "post_quant_conv", to: observer)
    }
    x = MapStage(convolutionIn, of: x).stored().shown(as: "decoder.conv_in", to: observer)
    x = middle(x, within: limit, observer: observer)
    for level in levels { x = level(x, within: limit, observer: observer) }
    return MapStage(convolutionOut, of: x, norm: normOut.transform(of: x)).map
  }
}

/// From pictures to the mean and log variance of their latents: diffusers' `Encoder` with the
/// `quant_conv` after it.
struct AutoencoderEncoder: Sendable {
  let convolutionIn: Convolution
  let levels: [AutoencoderLevel]
  let middle: AutoencoderMiddle
  let normOut: GroupNorm
  let convolutionOut: Convolution
  let quantConvolution: Convolution?

  init(config: AutoencoderConfig, from source: any TensorSource) throws {
    let (moments, coarse) = (2 * config.latentChannels, config.levels[config.levels.count - 1])
    convolutionIn = try Convolution(
      "encoder.conv_in", inputs: config.inChannels, outputs: config.levels[0], from: source)
    let channels = [config.levels[0]] + config.levels
    levels = try config.levels.indices.map { index in
      try AutoencoderLevel(
        "encoder.down_blocks.\(index)", inputs: channels[index], outputs: channels[index + 1],
        layers: config.layersPerLevel, groups: config.normGroups,
        resampler: index < config.levels.count - 1 ? ("downsamplers", .halved) : nil, from: source)
    }
    middle = try AutoencoderMiddle("encoder.mid_block", config: config, from: source)
    normOut = try GroupNorm(
      "encoder.conv_norm_out", channels: coarse, groups: config.normGroups, from: source)
    convolutionOut = try Convolution(
      "encoder.conv_out", inputs: coarse, outputs: moments, from: source)
    quantConvolution =
      config.hasQuantConvolution
      ? try Convolution("quant_conv", inputs: moments, outputs: moments, kernel: 1, from: source)
      : nil
  }

  /// Mean and log variance [height][width][2 * latent channels] of a picture.
  func callAsFunction(
    _ picture: FeatureMap, within limit: Int, observer: (any LayerObserver)?
  ) -> FeatureMap {
    var x = MapStage(convolutionIn, of: MapStage(picture)).stored()
      .shown(as: "encoder.conv_in", to: observer)
    for level in levels { x = level(x, within: limit, observer: observer) }
    x = middle(x, within: limit, observer: observer)
    x = MapStage(convolutionOut, of: x, norm: normOut.transform(of: x)).stored()
    if let quantConvolution { x = MapStage(quantConvolution, of: x).stored() }
    return x.shown(as: "quant_conv", to: observer).map
  }
}
