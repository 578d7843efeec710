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
  ///   - conditions: the picture's size, where the model `usesSizeConditions`; else not read.
  ///   - observer: sees the inputs of linear layers and the outputs of modules.
  /// - Returns: of all samples.
  func blockInputs(
    _ latents: Latents, timesteps: [Float], conditions: SizeConditions?,
    observer: (any LayerObserver)?
  ) -> BlockInputs

  /// One evaluation of the network.
  ///
  /// - Parameters:
  ///   - latents: the input, sides multiples of the patch size.
  ///   - timesteps: one per sample.
  ///   - text: the prompts, one per sample.
  ///   - conditions: the picture's size, where the model `usesSizeConditions`; else not read.
  ///   - observer: sees the inputs of all linear layers and the outputs of modules; nil costs
  ///     nothing.
  /// - Returns: what it predicts, noise in the first channels.
  func forward(
    _ latents: Latents, timesteps: [Float], text: PreparedText, conditions: SizeConditions?,
    observer: (any LayerObserver)?
  ) -> Latents
}

extension DiffusionTransformer {
  /// What the blocks read of prompts at every step, one prompt per sample; for guidance, the
  /// negative prompts count too.
  package func prepareText(
    _ prompts: [EncodedPrompt], observer: (any LayerObserver)? = nil
  ) -> PreparedText {
    let text = projectText(prompts, observer: observer)
    let direct = Direct(samples: prompts.count, observer: observer)
    return PreparedText(
      samples: prompts.count,
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

  /// What it reads of the text.
  ///
  /// - Parameters:
  ///   - states: [samples * text tokens][D], of `ProjectedText`.
  ///   - valid: which rows are no padding; nil when all count.
  ///   - bias: [samples][text tokens], added to the scaled logits.
  ///   - operations: that compute or record it.
  /// - Returns: its keys and values.
  func readText<O: Operations>(
    _ states: O.Value, valid: [Bool]?, bias: Matrix, on operations: O
  ) -> BlockText<O.Value>

  /// The block's output.
  ///
  /// - Parameters:
  ///   - x: [samples * tokens][D]; not to be read again.
  ///   - conditioning: [samples][columns], of `BlockInputs`.
  ///   - text: what it reads of the prompts.
  ///   - operations: that compute or record it.
  /// - Returns: [samples * tokens][D].
  func callAsFunction<O: Operations>(
    _ x: O.Value, conditioning: O.Value, text: BlockText<O.Value>, on operations: O
  ) -> O.Value
}

/// The keys and values that one block makes of the text.
package struct BlockText<Value> {
  /// [samples * text tokens][D].
  package let keys: Value
  package let values: Value
  /// [samples][text tokens], added to the scaled logits.
  package let bias: Matrix

  package init(keys: Value, values: Value, bias: Matrix) {
    (self.keys, self.values, self.bias) = (keys, values, bias)
  }
}

extension BlockText: Sendable where Value: Sendable {}

/// What a batch of prompts brings to every block, computed once and read at every step.
package struct PreparedText: Sendable {
  package let samples: Int
  /// One per block.
  package let blocks: [BlockText<Matrix>]
}

/// A batch of prompts as the blocks read it, before the blocks' own layers.
package struct ProjectedText: Sendable {
  /// Text tokens of a sample, without the padding that all samples share.
  package let tokens: Int
  /// [samples * tokens][D].
  package let states: Matrix
  /// [samples][tokens], added to the scaled logits: 0, or -10000 on padding.
  package let bias: Matrix
  /// [samples * tokens], false on padding.
  package let valid: [Bool]
}

/// What a transformer makes of latents and timesteps before its blocks.
package struct BlockInputs: Sendable {
  /// [samples * tokens][D].
  package let hidden: Matrix
  /// [samples][columns], what the timestep tells every block.
  package let conditioning: Matrix
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
