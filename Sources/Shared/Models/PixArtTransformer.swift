import Formats
import Kernels
import Platform
import Tensors

/// The PixArt-alpha and PixArt-Sigma diffusion transformer: diffusers' `PixArtTransformer2DModel`.
///
/// Rows are tokens, a sample's one after another and row-major over the grid of patches; D is the width. The text is prepared once
/// (`prepareText`), because what the blocks read of it does not change over the steps. Both halves of guidance are a batch of two.
package final class PixArtTransformer: Sendable {
  package let config: PixArtConfig
  /// Where the weights come from, for messages.
  package let path: String
  /// [D][in channels * patch * patch], a convolution with stride = kernel.
  let patchEmbedding: Linear
  let conditioning: PixArtConditioning
  let captionLinear1: Linear
  let captionLinear2: Linear
  package let blocks: [PixArtBlock]
  /// [2][D]: shift and scale of the final norm.
  package let finalTable: [Float]
  package let projectOut: Linear
  /// Of the final norm; the blocks' own comes from the config.
  package static let finalEpsilon: Float = 1e-6

  /// Views the weights of a model folder's `transformer`; nothing is computed.
  ///
  /// - Parameters:
  ///   - file: its `config.json`.
  ///   - weights: its tensors; those not named in the class are ignored.
  ///   - attention: what query, key and value are rounded to, per token and head; nil: not at all.
  ///   - makeLinear: makes the linear layers; nil reads `<name>.weight` and `<name>.bias` from `weights`.
  /// - Throws: `Failure` for a setting that is not supported, and for a tensor that is missing or has another shape.
  package init(
    config file: ModelConfig, weights: any TensorSource, attention: ActivationFormat? = nil,
    makeLinear: LinearFactory? = nil
  ) throws {
    let config = try PixArtConfig(file)
    let make = makeLinear ?? { try Linear($0, inputs: $1, outputs: $2, from: weights) }
    let (width, patch) = (config.width, config.patchSize)
    self.config = config
    path = weights.path
    patchEmbedding = try make("pos_embed.proj", config.inChannels * patch * patch, width)
    conditioning = try PixArtConditioning(config: config, makeLinear: make)
    captionLinear1 = try make("caption_projection.linear_1", config.captionChannels, width)
    captionLinear2 = try make("caption_projection.linear_2", width, width)
    blocks = try (0..<config.layers).map {
      try PixArtBlock(
        index: $0, config: config, weights: weights, attention: attention, makeLinear: make)
    }
    finalTable = try weights.tensor("scale_shift_table", shape: [2, width]).floats()
    projectOut = try make("proj_out", width, patch * patch * config.outChannels)
  }

  /// One evaluation of the network.
  ///
  /// - Parameters:
  ///   - latents: [batch][in channels][height][width].
  ///   - batch: the number of samples, as in `text`.
  ///   - height: of the latents, a multiple of the patch size.
  ///   - width: of the latents, a multiple of the patch size.
  ///   - timesteps: one a sample.
  ///   - text: the prompts, by `prepareText`.
  ///   - conditions: the picture's size, for a model that `usesSizeConditions`; else not read.
  ///   - observer: sees the inputs of all linear layers and the outputs of modules; nil costs nothing.
  /// - Returns: [batch][out channels][height][width], the predicted noise in the first channels.
  package func forward(
    latents: [Float], batch: Int, height: Int, width: Int, timesteps: [Float], text: TextContext,
    conditions: SizeConditions? = nil, observer: (any LayerObserver)? = nil
  ) -> [Float] {
    precondition(text.batch == batch, "batch of \(batch), text of \(text.batch)")
    let inputs = blockInputs(
      latents: latents, batch: batch, height: height, width: width, timesteps: timesteps,
      conditions: conditions, observer: observer)
    let x = inputs.x
    for (index, block) in blocks.enumerated() {
      block(x, modulation: inputs.modulation, text: text, index: index, observer: observer)
    }
    let output = projectOut(finalNorm(x, embedded: inputs.embedded), observer: observer)
    observer?.observe(module: "proj_out", output: output)
    return inputs.grid.unpatchify(output, channels: config.outChannels)
  }

  /// One evaluation with the same timestep for all samples, as a sampler wants it.
  package func forward(
    latents: [Float], batch: Int, height: Int, width: Int, timestep: Float, text: TextContext,
    conditions: SizeConditions? = nil, observer: (any LayerObserver)? = nil
  ) -> [Float] {
    forward(
      latents: latents, batch: batch, height: height, width: width,
      timesteps: Array(repeating: timestep, count: batch), text: text, conditions: conditions,
      observer: observer)
  }

  /// LN(x) * (1 + scale + e) + shift + e; the timestep's embedding e [batch][D] enters as it is.
  private func finalNorm(_ x: Matrix, embedded: Matrix) -> Matrix {
    let (batch, width) = (embedded.rows, config.width)
    let vectors = Matrix(rows: batch, columns: 2 * width)
    for sample in 0..<batch {
      let (source, target) = (embedded.row(sample), vectors.row(sample))
      for i in 0..<width {
        target[i] = finalTable[i] + source[i]
        target[width + i] = 1 + (finalTable[width + i] + source[i])
      }
    }
    let norm = Modulation(
      shift: vectors.pointer, scale: vectors.pointer + width, stride: 2 * width,
      epsilon: PixArtTransformer.finalEpsilon)
    return withExtendedLifetime(vectors) { norm(x, batch: batch) }
  }
}
