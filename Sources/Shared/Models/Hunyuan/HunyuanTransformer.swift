import Kernels
import Layers
import Platform
import Streams
import Tensors

/// The Hunyuan-DiT diffusion transformer, versions 1.0 to 1.2: diffusers' `HunyuanDiT2DModel`.
package final class HunyuanTransformer: DiffusionTransformer {
  package let config: HunyuanConfig
  package let path: String
  private let text: HunyuanText
  /// [D][in channels * patch * patch], a convolution with stride = kernel.
  private let patchEmbedding: Linear
  private let conditioning: HunyuanConditioning
  package let blocks: [any TransformerBlock]
  /// Makes scale and shift of the final norm, which has none of its own.
  private let finalVectors: Linear
  private let projectOut: Linear

  package var latentChannels: Int { config.inChannels }
  package var patchSize: Int { config.patchSize }
  package var sampleSize: Int { config.sampleSize }
  package var usesSizeConditions: Bool { config.usesSizeConditions }
  package var textInputs: [TextInput] {
    [
      TextInput(channels: config.textWidth, tokens: config.textLength),
      TextInput(channels: config.t5Width, tokens: config.t5Length),
    ]
  }

  /// Views the weights of a model folder's `transformer`; nothing is computed.
  ///
  /// - Throws: `Failure` for a setting that is not supported, and for a tensor that is missing or
  ///   has another shape.
  package init(_ parts: TransformerParts) throws {
    let config = try HunyuanConfig(parts.config)
    let (width, area) = (config.width, config.patchSize * config.patchSize)
    self.config = config
    path = parts.weights.path
    text = try HunyuanText(config: config, parts: parts)
    patchEmbedding = try parts.makeLinear(
      LayerRole("pos_embed.proj", kind: .embedding), config.inChannels * area, width)
    conditioning = try HunyuanConditioning(config: config, parts: parts)
    blocks = try (0..<config.layers).map {
      try HunyuanBlock(index: $0, config: config, parts: parts)
    }
    finalVectors = try parts.makeLinear(
      LayerRole(
        "norm_out.linear", statistics: HunyuanBlock.conditioningSite, kind: .conditioning,
        rows: .samples), width, 2 * width)
    projectOut = try parts.makeLinear(
      LayerRole("proj_out", kind: .output), width, area * config.outChannels)
  }

  package var linears: [Linear] {
    text.linears + [patchEmbedding] + conditioning.linears + blocks.flatMap(\.linears)
      + [finalVectors, projectOut]
  }

  package func projectText(
    _ prompts: [EncodedPrompt], observer: (any LayerObserver)?
  ) -> ProjectedText { text(prompts, observer: observer) }

  package func blockInputs(
    _ latents: Latents, timesteps: [Float], pooledText: Matrix?, conditions: SizeConditions?,
    on direct: Direct
  ) -> BlockInputs {
    precondition(timesteps.count == latents.samples, "\(timesteps.count) timesteps")
    precondition(latents.channels == config.inChannels, "\(latents.channels) channels")
    guard let pooledText else { preconditionFailure("conditioning without its text") }
    let grid = PatchGrid(latents, patch: patchSize)
    let hidden = direct.project(patchEmbedding, grid.patchify(latents))
    direct.show("pos_embed", hidden)
    let vectors = conditioning(
      timesteps: timesteps, pooled: pooledText, conditions: conditions, on: direct)
    // The picture that positions are measured on has 512 pixels a side, 64 of an f8 VAE's latents.
    let positions = HunyuanPositions(
      gridHeight: grid.height, gridWidth: grid.width, base: 64 / patchSize)
    return BlockInputs(
      hidden: hidden, conditioning: vectors, finalConditioning: vectors,
      positions: positions.embedding(headSize: config.headSize))
  }

  /// LN(x) * (1 + scale) + shift, projected.
  package func output(of hidden: Matrix, _ inputs: BlockInputs, on direct: Direct) -> Matrix {
    let vectors = direct.project(finalVectors, inputs.finalConditioning)
    let scale = vectors.copy(columns: 0..<config.width)
    for index in 0..<scale.count { scale.pointer[index] += 1 }
    let normalized = adaptiveNorm(
      hidden, scale: scale, shift: vectors.copy(columns: config.width..<(2 * config.width)),
      epsilon: HunyuanConfig.normEpsilon)
    direct.show("norm_out", normalized)
    return direct.project(projectOut, normalized)
  }
}
