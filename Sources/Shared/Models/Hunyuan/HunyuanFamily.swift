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
    textEncoding: { try HunyuanTextEncoding($0, promptLength: $1) },
    transformer: { try HunyuanTransformer($0) })
}

/// The text of Hunyuan-DiT's pipeline: BERT and T5 (mT5) on the prompt as it is, padded to the
/// lengths that the transformer reads.
///
/// Padding stays: the transformer pools the states of all positions.
struct HunyuanTextEncoding: TextEncoding {
  private let config: HunyuanConfig
  private let wordPieces: WordPieceTokenizer
  private let bert: BertEncoder
  private let pieces: SentencePieceTokenizer
  private let t5: T5Encoder

  init(_ folder: ModelFolder, promptLength: Int?) throws {
    config = try HunyuanConfig(folder.config("transformer"))
    guard promptLength == nil else {
      throw Failure(
        folder.path,
        "max_sequence_length: expected none, as Hunyuan-DiT reads \(config.textLength) and "
          + "\(config.t5Length) tokens of a prompt")
    }
    bert = try BertEncoder(
      folder: folder.folder("text_encoder"), variant: folder.options.variant)
    wordPieces = try WordPieceTokenizer(
      folder: folder.folder("tokenizer"), rows: bert.vocabulary)
    t5 = try T5Encoder(
      folder: folder.folder("text_encoder_2"), variant: folder.options.variant)
    pieces = try SentencePieceTokenizer(
      folder: folder.folder("tokenizer_2"), rows: t5.vocabulary)
    func check(_ part: String, _ key: String, _ found: Int, _ expected: Int, _ why: String) throws {
      guard found == expected else {
        throw Failure(
          "\(folder.folder(part))/config.json",
          "\(key): expected \(expected) as \(why) of the transformer, found \(found)")
      }
    }
    try check(
      "text_encoder", "hidden_size", bert.width, config.textWidth, "cross_attention_dim")
    try check("text_encoder_2", "d_model", t5.width, config.t5Width, "cross_attention_dim_t5")
    guard config.textLength <= bert.longest else {
      throw Failure(
        "\(folder.folder("text_encoder"))/config.json",
        "max_position_embeddings: expected at least text_len = \(config.textLength) of the "
          + "transformer, found \(bert.longest)")
    }
  }

  func encode(_ prompt: String) throws -> EncodedPrompt {
    let words = try wordPieces.encode(prompt, length: config.textLength)
    let tokens = try pieces.encode(prompt, length: config.t5Length)
    return EncodedPrompt(
      prompt: prompt,
      texts: [
        EncodedText(
          states: try bert.encode(ids: words.ids, mask: words.mask, batch: 1), mask: words.mask),
        EncodedText(
          states: try t5.encode(ids: tokens.ids, mask: tokens.mask, batch: 1), mask: tokens.mask),
      ])
  }
}
