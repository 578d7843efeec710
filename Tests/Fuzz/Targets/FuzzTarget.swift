import Platform

/// A reader of the tools, called on bytes of anybody's making.
package enum FuzzTarget: String, CaseIterable, Sendable {
  /// The raw bytes of a safetensors file, and the values of its tensors.
  case safetensors
  case json
  /// The `config.json` of models, and schedulers.
  case config
  /// `spiece.model`.
  case sentencepiece
  /// `tokenizer.json`, and with it the tokens that were added.
  case tokenizer
  /// `vocab.txt`.
  case vocabulary
  /// Streams, as `StreamText` has them.
  case stats, codes, packed
  /// What `fpq-show` makes of any file, as `StreamText` has it.
  case show
  case png
  /// A file of prompts, and what tokenizers make of each.
  case prompts
  /// Captions, cleaned.
  case captions

  /// Has the product read `bytes`.
  ///
  /// - Throws: what is not a `Failure`, which readers refuse bad input with.
  package func read(_ bytes: UnsafeRawBufferPointer) throws {
    try attempt {
      switch self {
      case .safetensors: try readSafetensors(bytes)
      case .json: try readJSON(bytes)
      case .config: try readConfigs(bytes)
      case .sentencepiece: try readSentencePiece(bytes)
      case .tokenizer: try readTokenizerFile(bytes)
      case .vocabulary: try readVocabulary(bytes)
      case .stats: try readStats(bytes)
      case .codes: try readCodes(bytes)
      case .packed: try readPacked(bytes)
      case .show: try showFile(bytes)
      case .png: try readPicture(bytes)
      case .prompts: try readPromptFile(bytes)
      case .captions: try cleanCaption(bytes)
      }
    }
  }
}

/// Runs `body`, which may refuse its input.
func attempt(_ body: () throws -> Void) throws {
  do { try body() } catch is Failure {}
}
