import Kernels
import Layers
import Platform
import Tensors

/// Two convolutions, each after a group norm and SiLU, beside a shortcut: diffusers'
/// `ResnetBlock2D` without time embedding.
struct ResnetBlock: Sendable {
  let norm1: GroupNorm
  let convolution1: Convolution
  let norm2: GroupNorm
  let convolution2: Convolution
  /// 1x1, where the number of channels changes.
  let shortcut: Convolution?

  init(
    _ name: String, inputs: Int, outputs: Int, groups: Int, from source: any TensorSource
  ) throws {
    norm1 = try GroupNorm("\(name).norm1", channels: inputs, groups: groups, from: source)
    convolution1 = try Convolution(
      "\(name).conv1", inputs: inputs, outputs: outputs, from: source)
    norm2 = try GroupNorm("\(name).norm2", channels: outputs, groups: groups, from: source)
    convolution2 = try Convolution(
      "\(name).conv2", inputs: outputs, outputs: outputs, from: source)
    shortcut =
      inputs == outputs
      ? nil
      : try Convolution(
        "\(name).conv_shortcut", inputs: inputs, outputs: outputs, kernel: 1, from: source)
  }

  /// The block's output, stored; `x` is not to be read again, as its memory is used or let go.
  func callAsFunction(_ x: MapStage, within limit: Int) -> MapStage {
    let hidden = MapStage(convolution1, of: x, norm: norm1.transform(of: x))
      .stored(within: limit)
    let residual = shortcut.map { MapStage($0, of: x) } ?? x
    return MapStage(
      convolution2, of: hidden, norm: norm2.transform(of: hidden), plus: residual
    ).stored()
  }
}

/// Attention over all pixels with one head: diffusers' `Attention` as the VAE's middle uses it.
///
/// Reads today's parameter names and the older `query`, `key`, `value`, `proj_attn`, as matrices or
/// as 1x1 convolutions.
struct PixelAttention: Sendable {
  let name: String
  let norm: GroupNorm
  let toQuery: DenseMatrix
  let toKey: DenseMatrix
  let toValue: DenseMatrix
  let toOut: DenseMatrix
  /// Of query, key, value and output, [channels] each.
  let biases: [[Float]]

  init(_ name: String, channels: Int, groups: Int, from source: any TensorSource) throws {
    self.name = name
    norm = try GroupNorm("\(name).group_norm", channels: channels, groups: groups, from: source)
    let isOld =
      source.find("\(name).to_q.weight") == nil
      && source.find("\(name).query.weight") != nil
    let names =
      (isOld ? ["query", "key", "value", "proj_attn"] : ["to_q", "to_k", "to_v", "to_out.0"])
      .map { "\(name).\($0)" }
    let weights = try names.map { layer in
      let tensor = try source.tensor("\(layer).weight")
      guard [[channels, channels], [channels, channels, 1, 1]].contains(tensor.shape) else {
        throw Failure(
          tensor.place, "expected shape \([channels, channels]), found \(tensor.shape)")
      }
      return try DenseMatrix(tensor)
    }
    biases = try names.map { try source.tensor("\($0).bias", shape: [channels]).floats() }
    toQuery = weights[0]
    toKey = weights[1]
    toValue = weights[2]
    toOut = weights[3]
  }

  /// Adds the attention to `x` in place.
  func callAsFunction(_ x: FeatureMap, observer: (any LayerObserver)?) {
    let normalized = norm.transform(of: MapStage(x))(x).pixels
    let mixed = attention(
      q: toQuery.multiply(normalized, bias: biases[0]),
      k: toKey.multiply(normalized, bias: biases[1]),
      v: toValue.multiply(normalized, bias: biases[2]), batch: 1, heads: 1,
      scale: Float(1 / Double(x.channels).squareRoot()))
    x.pixels.add(toOut.multiply(mixed, bias: biases[3]))
    observer?.observe(module: name, output: x.pixels)
  }
}

/// The coarsest level between encoder and decoder halves: diffusers' `UNetMidBlock2D`.
struct AutoencoderMiddle: Sendable {
  let name: String
  let first: ResnetBlock
  let attention: PixelAttention?
  let second: ResnetBlock

  init(_ name: String, config: AutoencoderConfig, from source: any TensorSource) throws {
    self.name = name
    let (channels, groups) = (config.levels[config.levels.count - 1], config.normGroups)
    func resnet(_ index: Int) throws -> ResnetBlock {
      try ResnetBlock(
        "\(name).resnets.\(index)", inputs: channels, outputs: channels, groups: groups,
        from: source)
    }
    first = try resnet(0)
    attention =
      config.hasMidAttention
      ? try PixelAttention(
        "\(name).attentions.0", channels: channels, groups: groups, from: source) : nil
    second = try resnet(1)
  }

  func callAsFunction(
    _ x: MapStage, within limit: Int, observer: (any LayerObserver)?
  ) -> MapStage {
    var hidden = first(x, within: limit)
    if let attention {
      let map = hidden.map
      attention(map, observer: observer)
      hidden = MapStage(map)
    }
    return second(hidden, within: limit).shown(as: name, to: observer)
  }
}

/// Residual blocks at one resolution and the step to the next: diffusers' `DownEncoderBlock2D` and
/// `UpDecoderBlock2D`.
struct AutoencoderLevel: Sendable {
  let name: String
  let resnets: [ResnetBlock]
  let resampler: Convolution?

  /// - Parameters:
  ///   - name: the level's prefix.
  ///   - inputs: channels that come in.
  ///   - outputs: channels of all its blocks.
  ///   - layers: how many blocks.
  ///   - groups: of the norms.
  ///   - resampler: the name and kind of the step to the next level, if there is one.
  ///   - source: the weights.
  /// - Throws: `Failure` for a tensor that is missing or has another shape.
  init(
    _ name: String, inputs: Int, outputs: Int, layers: Int, groups: Int,
    resampler: (name: String, sampling: Convolution.Sampling)?, from source: any TensorSource
  ) throws {
    self.name = name
    resnets = try (0..<layers).map {
      try ResnetBlock(
        "\(name).resnets.\($0)", inputs: $0 == 0 ? inputs : outputs, outputs: outputs,
        groups: groups, from: source)
    }
    self.resampler = try resampler.map {
      try Convolution(
        "\(name).\($0.name).0.conv", inputs: outputs, outputs: outputs, sampling: $0.sampling,
        from: source)
    }
  }

  /// The level's output; where storing it would take more than `limit` bytes it is computed by
  /// whoever reads it.
  func callAsFunction(
    _ x: MapStage, within limit: Int, observer: (any LayerObserver)?
  ) -> MapStage {
    var x = x
    for resnet in resnets { x = resnet(x, within: limit) }
    if let resampler {
      x = MapStage(resampler, of: x)
      if x.bytes <= limit { x = x.stored() }
    }
    return x.shown(as: name, to: observer)
  }
}

extension MapStage {
  /// The map, shown to an observer if there is one, which stores it.
  func shown(as module: String, to observer: (any LayerObserver)?) -> MapStage {
    guard let observer else { return self }
    let stage = stored()
    observer.observe(module: module, output: stage.map.pixels)
    return stage
  }
}
