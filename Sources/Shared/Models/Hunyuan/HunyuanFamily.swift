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
    textEncoding: { try .hunyuanDiT($0, promptLength: $1) },
    transformer: { try HunyuanTransformer($0) })
}

extension TextEncoding {
  /// The text of Hunyuan-DiT's pipeline: BERT and T5 (mT5) on the prompt as it is, padded to the
  /// lengths that the transformer reads.
  ///
  /// Padding stays: the transformer pools the states of all positions.
  ///
  /// - Throws: `Failure` for a prompt length, which is the transformer's own here.
  static func hunyuanDiT(_ folder: ModelFolder, promptLength: Int?) throws -> TextEncoding {
    let config = try HunyuanConfig(folder.config("transformer"))
    let (bertLength, t5Length) = (config.textLength, config.t5Length)
    guard promptLength == nil else {
      throw Failure(
        folder.path,
        "max_sequence_length: expected none, as Hunyuan-DiT reads \(bertLength) and \(t5Length) "
          + "tokens of a prompt")
    }
    let (wordPieces, bert) = (folder.folder("tokenizer"), folder.folder("text_encoder"))
    let (pieces, t5) = (folder.folder("tokenizer_2"), folder.folder("text_encoder_2"))
    let variant = folder.options.variant
    return TextEncoding(
      promptLength: nil,
      parts: [
        TextPart(
          tokenizer: wordPieces, encoder: bert, variant: variant,
          openTokenizer: {
            let tokenizer = try WordPieceTokenizer(
              folder: wordPieces, rows: folder.vocabulary("text_encoder"))
            return { try tokenizer.encode($0, length: bertLength) }
          },
          openEncoder: { try BertEncoder(folder: bert, variant: variant) }),
        TextPart(
          tokenizer: pieces, encoder: t5, variant: variant,
          openTokenizer: {
            let tokenizer = try SentencePieceTokenizer(
              folder: pieces, rows: folder.vocabulary("text_encoder_2"))
            return { try tokenizer.encode($0, length: t5Length) }
          },
          openEncoder: { try T5Encoder(folder: t5, variant: variant) }),
      ])
  }
}
