import Platform
import Sampling
import Tensors

extension ModelFamily {
  /// Hunyuan-DiT of versions 1.0 to 1.2, and those distilled from them.
  package static let hunyuanDiT = ModelFamily(
    pipelines: ["HunyuanDiTPipeline"],
    transformers: [HunyuanConfig.className],
    pipeline: { _, _, _ in "HunyuanDiTPipeline" },
    sampling: SamplingProfile(steps: 50, guidanceScale: 5, sizes: .standardShapes),
    textEncoding: { try .hunyuanDiT($0, $1) },
    transformer: { try HunyuanTransformer($0) })
}

extension TextEncoding {
  /// The text of Hunyuan-DiT's pipeline: BERT and T5 (mT5) on the prompt as it is, padded to the
  /// lengths that the transformer reads.
  ///
  /// Padding stays: the transformer pools the states of all positions.
  ///
  /// - Throws: `Failure` for a prompt length, which is the transformer's own here, and for captions
  ///   that are to be cleaned.
  static func hunyuanDiT(_ folder: ModelFolder, _ options: TextOptions) throws -> TextEncoding {
    let config = try HunyuanConfig(folder.config("transformer"))
    let (bertLength, t5Length) = (config.textLength, config.t5Length)
    guard options.promptLength == nil else {
      throw Failure(
        folder.path,
        "max_sequence_length: expected none, as Hunyuan-DiT reads \(bertLength) and \(t5Length) "
          + "tokens of a prompt")
    }
    guard options.cleansCaptions != true else {
      throw Failure(
        folder.path, "clean_caption: expected none, as Hunyuan-DiT reads prompts as they are")
    }
    return TextEncoding(
      promptLength: nil, cleansCaptions: nil,
      parts: [
        TextPart(
          "text_encoder", tokenizer: "tokenizer", of: folder,
          openTokenizer: { path, rows in
            let words = try WordPieceTokenizer(folder: path, rows: rows)
            return { try words.encode($0, length: bertLength) }
          },
          openEncoder: { try BertEncoder($0, from: $1) }),
        TextPart(
          "text_encoder_2", tokenizer: "tokenizer_2", of: folder,
          openTokenizer: { path, rows in
            let pieces = try SentencePieceTokenizer(folder: path, rows: rows)
            return { try pieces.encode($0, length: t5Length) }
          },
          openEncoder: { try T5Encoder($0, from: $1) }),
      ])
  }
}
