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
  package let openEncoder: @Sendable () throws -> any TextEncoder
}
