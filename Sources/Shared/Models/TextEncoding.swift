import Foundation
import Layers
import Streams
import Tensors

/// How a family turns prompts into text states: one text encoder or several, each with a tokenizer.
///
/// Nothing is opened before it is asked for: a run that has its states already needs none of it.
package struct TextEncoding: Sendable {
  /// Tokens of a prompt that count, `max_sequence_length` in diffusers; nil where the model leaves
  /// no choice.
  package let promptLength: Int?
  /// Whether captions are cleaned, `clean_caption` in diffusers; nil where the model leaves no
  /// choice.
  package let cleansCaptions: Bool?
  /// In the order of `EncodedPrompt.texts`.
  package let parts: [TextPart]

  /// Tokens that a prompt is taken to have where time is told before it is read.
  package var usualTokens: Int { min(40, promptLength ?? 40) }
}

extension TextPart {
  /// The parts `encoder` and `tokenizer` of `folder`.
  ///
  /// - Parameters:
  ///   - encoder: the name of its folder.
  ///   - tokenizer: the name of its folder.
  ///   - folder: the model.
  ///   - openTokenizer: opens that in `path`, for an encoder of so many `rows` where it says so.
  ///   - openEncoder: views the encoder's weights.
  init(
    _ encoder: String, tokenizer: String, of folder: ModelFolder,
    openTokenizer:
      @escaping @Sendable (_ path: String, _ rows: Int?) throws -> (
        _ prompt: String
      ) throws -> Tokens,
    openEncoder:
      @escaping @Sendable (_ config: ModelConfig, _ weights: any TensorSource) throws
      -> any TextEncoder
  ) {
    let path = folder.folder(tokenizer)
    self.init(
      tokenizer: path, encoder: folder.folder(encoder), variant: folder.options.variant,
      openTokenizer: { try openTokenizer(path, folder.vocabulary(encoder)) },
      openEncoder: openEncoder)
  }

  /// The name of the encoder's folder, as the model's index has it.
  package var name: String { URL(fileURLWithPath: encoder).lastPathComponent }

  package func config() throws -> ModelConfig { try ModelConfig("\(encoder)/config.json") }

  /// Views an encoder's weights, float or packed.
  ///
  /// - Throws: `Failure` naming the tensor that is missing or does not fit, that of a block which
  ///   the configuration does not count, or that of a packed encoder which nothing reads.
  package func open(_ weights: any TensorSource) throws -> any TextEncoder {
    let weights = WatchedTensors(weights)
    let encoder = try openEncoder(config(), weights)
    try weights.refuseOtherBlocks(than: Set(encoder.linears.compactMap(\.role.block)))
    if StreamMetadata.isStream(weights) { try weights.refuseUnused() }
    return encoder
  }

  /// One file or shards; float, or packed.
  package func weights() throws -> Checkpoint {
    try Checkpoint(folder: encoder, variant: variant)
  }
}

/// A text encoder of a model folder, with its tokenizer.
package struct TextPart: Sendable {
  /// Their folders.
  package let tokenizer: String
  package let encoder: String
  /// Which of the encoder's weights are read, as `Checkpoint` has it.
  package let variant: String?
  /// Opens the tokenizer: what the encoder reads of a prompt.
  package let openTokenizer: @Sendable () throws -> (_ prompt: String) throws -> Tokens
  /// Makes the encoder of weights.
  let openEncoder:
    @Sendable (_ config: ModelConfig, _ weights: any TensorSource) throws -> any TextEncoder
}
