import Kernels
import Layers
import Tensors

/// A transformer that predicts the noise in latents, as a sampler, the statistics and the
/// reconstruction of blocks use it.
///
/// Rows are tokens, a sample's one after another; D is the width. The text is prepared once,
/// because what the blocks read of it does not change over the steps. Both halves of guidance are
/// two samples.
package protocol DiffusionTransformer: AnyObject, Sendable {
  /// Where the weights come from, for messages.
  var path: String { get }
  /// Channels of latents; it may predict more (a variance), which come after them.
  var latentChannels: Int { get }
  /// Latent pixels along a side of a patch, which sides of latents are multiples of.
  var patchSize: Int { get }
  /// Latent pixels along a side at the model's own size.
  var sampleSize: Int { get }
  /// Whether it is told the picture's size.
  var usesSizeConditions: Bool { get }
  /// What it reads of each text encoder.
  var textInputs: [TextInput] { get }
  var blocks: [any TransformerBlock] { get }
  /// All linear layers, in the order in which the network computes them.
  var linears: [Linear] { get }

  /// The states of prompts as blocks read them, before the blocks' own layers.
  func projectText(_ prompts: [EncodedPrompt], observer: (any LayerObserver)?) -> ProjectedText

  /// What the first block reads, and what all blocks share.
  ///
  /// - Parameters:
  ///   - latents: the input, sides multiples of the patch size.
  ///   - timesteps: one per sample.
  ///   - pooledText: [samples][channels], of `ProjectedText`.
  ///   - conditions: the picture's size, where the model `usesSizeConditions`; else not read.
  ///   - direct: computes it, and shows it to an observer.
  /// - Returns: of all samples.
  func blockInputs(
    _ latents: Latents, timesteps: [Float], pooledText: Matrix?, conditions: SizeConditions?,
    on direct: Direct
  ) -> BlockInputs

  /// What the last block's output becomes.
  ///
  /// - Parameters:
  ///   - hidden: [samples * tokens][D].
  ///   - inputs: of the blocks.
  ///   - direct: computes it, and shows it to an observer.
  /// - Returns: what the model predicts as tokens, [samples * tokens][patch][patch][out channels].
  func output(of hidden: Matrix, _ inputs: BlockInputs, on direct: Direct) -> Matrix
}

extension DiffusionTransformer {
  /// One evaluation of the network.
  ///
  /// - Parameters:
  ///   - latents: the input, sides multiples of the patch size.
  ///   - timesteps: one per sample.
  ///   - text: the prompts, one per sample.
  ///   - conditions: the picture's size, where the model `usesSizeConditions`; else not read.
  ///   - observer: sees the inputs of all linear layers and the outputs of modules; nil costs
  ///     nothing.
  /// - Returns: what it predicts, noise (or velocity) in the first channels.
  package func forward(
    _ latents: Latents, timesteps: [Float], text: PreparedText, conditions: SizeConditions? = nil,
    observer: (any LayerObserver)? = nil
  ) -> Latents {
    precondition(
      text.samples == latents.samples, "\(latents.samples) samples, \(text.samples) texts")
    let direct = Direct(samples: latents.samples, observer: observer)
    let inputs = blockInputs(
      latents, timesteps: timesteps, pooledText: text.pooled, conditions: conditions, on: direct)
    var hidden = inputs.hidden
    var kept: [String: Matrix] = [:]
    let sources = Set(blocks.compactMap(\.skipSource))
    for (block, text) in zip(blocks, text.blocks) {
      hidden = block(
        hidden,
        BlockContext(
          conditioning: inputs.conditioning, text: text, positions: inputs.positions,
          skip: block.skipSource.flatMap { kept.removeValue(forKey: $0) }),
        on: direct)
      // The next block may compute in its place.
      if sources.contains(block.name) { kept[block.name] = hidden.copy() }
    }
    let output = output(of: hidden, inputs, on: direct)
    direct.show("proj_out", output)
    let grid = PatchGrid(latents, patch: patchSize)
    return grid.unpatchify(output, channels: output.columns / (patchSize * patchSize))
  }

  /// What the blocks read of prompts at every step, one prompt per sample; for guidance, the
  /// negative prompts count too.
  package func prepareText(
    _ prompts: [EncodedPrompt], observer: (any LayerObserver)? = nil
  ) -> PreparedText {
    let text = projectText(prompts, observer: observer)
    let direct = Direct(samples: prompts.count, observer: observer)
    return PreparedText(
      samples: prompts.count, pooled: text.pooled,
      blocks: blocks.map {
        $0.readText(text.states, valid: text.valid, bias: text.bias, on: direct)
      })
  }
}

/// One of the blocks that a transformer is a chain of.
package protocol TransformerBlock: Sendable {
  /// The prefix of its parameters in the file.
  var name: String { get }
  var linears: [Linear] { get }
  /// What it has of learned vectors that are no linear layer's.
  var tables: [ParameterTable] { get }
  /// The name of the earlier block whose output it reads beside that of the one before it; nil for
  /// none.
  var skipSource: String? { get }

  /// What it reads of the text.
  ///
  /// - Parameters:
  ///   - states: [samples * text tokens][D], of `ProjectedText`.
  ///   - valid: which rows are no padding; nil when all count.
  ///   - bias: [samples][text tokens], added to the scaled logits; nil for nothing.
  ///   - operations: that compute or record it.
  /// - Returns: its keys and values.
  func readText<O: Operations>(
    _ states: O.Value, valid: [Bool]?, bias: Matrix?, on operations: O
  ) -> BlockText<O.Value>

  /// The block's output.
  ///
  /// - Parameters:
  ///   - x: [samples * tokens][D]; not to be read again.
  ///   - context: what else it reads.
  ///   - operations: that compute or record it.
  /// - Returns: [samples * tokens][D].
  func callAsFunction<O: Operations>(
    _ x: O.Value, _ context: BlockContext<O.Value>, on operations: O
  ) -> O.Value
}

extension TransformerBlock {
  package var skipSource: String? { nil }
}

/// What a block reads beside its hidden states.
package struct BlockContext<Value> {
  /// [samples][columns], of `BlockInputs`.
  package let conditioning: Value
  package let text: BlockText<Value>
  /// Of the tokens, where attention turns queries and keys by them.
  package let positions: RotaryEmbedding?
  /// [samples * tokens][D], the output of the block `skipSource`.
  package let skip: Value?

  package init(
    conditioning: Value, text: BlockText<Value>, positions: RotaryEmbedding? = nil,
    skip: Value? = nil
  ) {
    (self.conditioning, self.text) = (conditioning, text)
    (self.positions, self.skip) = (positions, skip)
  }
}

/// The keys and values that one block makes of the text.
package struct BlockText<Value> {
  /// [samples * text tokens][D].
  package let keys: Value
  package let values: Value
  /// [samples][text tokens], added to the scaled logits; nil for nothing.
  package let bias: Matrix?

  package init(keys: Value, values: Value, bias: Matrix?) {
    (self.keys, self.values, self.bias) = (keys, values, bias)
  }
}

extension BlockText: Sendable where Value: Sendable {}

/// What a batch of prompts brings to every block, computed once and read at every step.
package struct PreparedText: Sendable {
  package let samples: Int
  /// [samples][channels], of `ProjectedText`.
  package let pooled: Matrix?
  /// One per block.
  package let blocks: [BlockText<Matrix>]
}

/// A batch of prompts as the blocks read it, before the blocks' own layers.
package struct ProjectedText: Sendable {
  /// Text tokens of a sample, without the padding that all samples share.
  package let tokens: Int
  /// [samples * tokens][channels of the blocks' keys and values].
  package let states: Matrix
  /// [samples][tokens], added to the scaled logits: 0, or -10000 on padding; nil where padding
  /// counts as text.
  package let bias: Matrix?
  /// [samples * tokens], false on padding; nil where padding counts as text.
  package let valid: [Bool]?
  /// [samples][channels], one vector for a whole prompt, where conditioning depends on it.
  package var pooled: Matrix?
}

/// What a transformer makes of latents and timesteps before its blocks.
package struct BlockInputs: Sendable {
  /// [samples * tokens][D].
  package let hidden: Matrix
  /// [samples][columns], what the timestep (and the text) tells every block.
  package let conditioning: Matrix
  /// [samples][D], what it tells the layers after the blocks.
  package let finalConditioning: Matrix
  /// Of the tokens, where attention turns queries and keys by them.
  package var positions: RotaryEmbedding?
}

/// What a transformer reads of a text encoder.
package struct TextInput: Equatable, Sendable {
  package let channels: Int
  /// Tokens of every prompt, padding among them; nil: those that a prompt has, without padding.
  package let tokens: Int?
}

/// A prompt as text encoders see it.
package struct EncodedPrompt: Sendable {
  package let prompt: String
  /// One per text encoder of the family.
  package let texts: [EncodedText]

  package init(prompt: String, texts: [EncodedText]) {
    (self.prompt, self.texts) = (prompt, texts)
  }
}

/// The states of one text encoder.
package struct EncodedText: Sendable {
  /// [tokens][channels].
  package let states: Matrix
  /// [tokens], false on padding.
  package let mask: [Bool]

  package init(states: Matrix, mask: [Bool]) { (self.states, self.mask) = (states, mask) }
}

/// The picture's size and shape as some models are told them.
package struct SizeConditions: Equatable, Sendable {
  /// In pixels of the picture.
  package let height: Float
  package let width: Float
  /// Height over width.
  package let aspectRatio: Float

  /// The ratio is the picture's own unless given.
  package init(height: Float, width: Float, aspectRatio: Float? = nil) {
    self.height = height
    self.width = width
    self.aspectRatio = aspectRatio ?? height / width
  }
}
