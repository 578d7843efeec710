import Kernels
import Layers
import Platform
import Streams
import Tensors

/// The PixArt-alpha and PixArt-Sigma diffusion transformer: diffusers' `PixArtTransformer2DModel`.
package final class PixArtTransformer: DiffusionTransformer {
  package let config: PixArtConfig
  package let path: String
  /// [D][in channels * patch * patch], a convolution with stride = kernel.
  private let patchEmbedding: Linear
  private let conditioning: PixArtConditioning
  let caption: PixArtCaption
  package let blocks: [any TransformerBlock]
  /// [2][D]: shift and scale of the final norm.
  package let finalTable: ParameterTable
  package let projectOut: Linear
  /// Of the final norm; the blocks' own comes from the config.
  private static let finalEpsilon: Float = 1e-6

  package var latentChannels: Int { config.inChannels }
  package var patchSize: Int { config.patchSize }
  package var sampleSize: Int { config.sampleSize }
  package var usesSizeConditions: Bool { config.usesSizeConditions }
  package var textInputs: [TextInput] {
    [TextInput(channels: config.captionChannels, tokens: nil)]
  }

  /// Views the weights of a model folder's `transformer`; nothing is computed.
  ///
  /// - Throws: `Failure` for a setting that is not supported, and for a tensor that is missing or
  ///   has another shape.
  package init(_ parts: TransformerParts) throws {
    let config = try PixArtConfig(parts.config, weights: parts.weights)
    let (width, patch) = (config.width, config.patchSize)
    self.config = config
    path = parts.weights.path
    patchEmbedding = try parts.makeLinear(
      LayerRole("pos_embed.proj", kind: .embedding), config.inChannels * patch * patch, width)
    conditioning = try PixArtConditioning(config: config, makeLinear: parts.makeLinear)
    caption = try PixArtCaption(config: config, makeLinear: parts.makeLinear)
    blocks = try (0..<config.layers).map {
      try PixArtBlock(index: $0, config: config, parts: parts)
    }
    finalTable = try ParameterTable(
      "scale_shift_table", rows: 2, columns: width, from: parts.weights)
    projectOut = try parts.makeLinear(
      LayerRole("proj_out", kind: .output), width, patch * patch * config.outChannels)
  }

  package var linears: [Linear] {
    caption.linears + [patchEmbedding] + conditioning.linears + blocks.flatMap(\.linears)
      + [projectOut]
  }

  package func blockInputs(
    _ latents: Latents, timesteps: [Float], pooledText: Matrix? = nil, conditions: SizeConditions?,
    on direct: Direct
  ) -> BlockInputs {
    precondition(timesteps.count == latents.samples, "\(timesteps.count) timesteps")
    precondition(latents.channels == config.inChannels, "\(latents.channels) channels")
    let hidden = embed(latents, on: direct)
    let (embedded, modulation) = conditioning(
      timesteps: timesteps, conditions: conditions, on: direct)
    return BlockInputs(hidden: hidden, conditioning: modulation, finalConditioning: embedded)
  }

  package func output(of hidden: Matrix, _ inputs: BlockInputs, on direct: Direct) -> Matrix {
    output(of: hidden, embedded: inputs.finalConditioning, on: direct)
  }

  /// What the last block's output [samples * tokens][D] becomes:
  /// LN(x) * (1 + scale + e) + shift + e, projected; the timestep's embedding e [samples][D] enters
  /// as it is.
  ///
  /// - Returns: [samples * tokens][patch][patch][out channels].
  package func output<O: Operations>(
    of hidden: O.Value, embedded: O.Value, on operations: O
  ) -> O.Value {
    func vector(_ row: Int, addsOne: Bool) -> O.Value {
      operations.vector(finalTable, row: row, plus: embedded, part: 0, addsOne: addsOne)
    }
    return operations.project(
      [projectOut],
      .normalized(
        hidden, scale: vector(1, addsOne: true), shift: vector(0, addsOne: false),
        epsilon: PixArtTransformer.finalEpsilon), valid: nil)[0]
  }

  /// Patches as tokens [samples * tokens][D], with their positions added.
  private func embed(_ latents: Latents, on direct: Direct) -> Matrix {
    let grid = PatchGrid(latents, patch: config.patchSize)
    let x = direct.project(patchEmbedding, grid.patchify(latents))
    let positions = Embeddings.positions(
      gridHeight: grid.height, gridWidth: grid.width, width: config.width,
      base: config.sampleSize / grid.patch, scale: config.interpolationScale)
    x.add(toEachSample: positions)
    direct.show("pos_embed", x)
    return x
  }
}
