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
  func callAsFunction(_ latents: FeatureMap, observer: (any LayerObserver)?) -> FeatureMap {
    var x = latents
    if let postQuantConvolution {
      x = postQuantConvolution(x)
      observer?.observe(module: "post_quant_conv", output: x.pixels)
    }
    x = convolutionIn(x)
    observer?.observe(module: "decoder.conv_in", output: x.pixels)
    x = middle(x, observer: observer)
    for level in levels { x = level(x, observer: observer) }
    return convolutionOut(x, norm: normOut.transform(of: x))
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
  func callAsFunction(_ picture: FeatureMap, observer: (any LayerObserver)?) -> FeatureMap {
    var x = convolutionIn(picture)
    observer?.observe(module: "encoder.conv_in", output: x.pixels)
    for level in levels { x = level(x, observer: observer) }
    x = middle(x, observer: observer)
    x = convolutionOut(x, norm: normOut.transform(of: x))
    if let quantConvolution { x = quantConvolution(x) }
    observer?.observe(module: "quant_conv", output: x.pixels)
    return x
  }
}
