import Sampling
import Tensors

extension ModelFamily {
  /// PixArt-alpha and PixArt-Sigma, which differ in the tokens of a prompt, in sizes and in
  /// weights.
  package static let pixArt = ModelFamily(
    pipelines: Array(PixArtTextEncoding.promptLengths.keys).sorted(),
    transformers: PixArtConfig.classes,
    pipeline: PixArtConfig.pipeline,
    sampling: SamplingProfile(steps: 20, guidanceScale: 4.5, sizes: .aspectRatioBins),
    textEncoding: { try PixArtTextEncoding($0, promptLength: $1) },
    transformer: { try PixArtTransformer($0) })
}

/// The text of PixArt pipelines: T5, without padding.
///
/// Padding is left out: padded keys have no weight in the text encoder and none in the
/// transformer's cross-attention (their logits are 10,000 lower, which is exactly 0 after the
/// softmax), so the pictures are the same and cost less.
struct PixArtTextEncoding: TextEncoding {
  /// Tokens of a padded prompt, `max_sequence_length` of the pipeline in diffusers.
  static let promptLengths = ["PixArtAlphaPipeline": 120, "PixArtSigmaPipeline": 300]

  private let tokenizer: SentencePieceTokenizer
  private let encoder: T5Encoder
  private let promptLength: Int

  init(_ folder: ModelFolder, promptLength: Int?) throws {
    guard let length = promptLength ?? PixArtTextEncoding.promptLengths[folder.pipelineClass] else {
      preconditionFailure("\(folder.pipelineClass) is no pipeline of this family")
    }
    encoder = try T5Encoder(
      folder: folder.folder("text_encoder"), variant: folder.options.variant)
    tokenizer = try SentencePieceTokenizer(
      folder: folder.folder("tokenizer"), rows: encoder.vocabulary)
    self.promptLength = length
  }

  func encode(_ prompt: String) throws -> EncodedPrompt {
    let tokens = try tokenizer.encode(preparedPrompt(prompt), length: promptLength)
    let ids = zip(tokens.ids, tokens.mask).filter(\.1).map(\.0)
    let mask = Array(repeating: true, count: ids.count)
    let states = try encoder.encode(ids: ids, mask: mask, batch: 1, observer: nil)
    return EncodedPrompt(prompt: prompt, texts: [EncodedText(states: states, mask: mask)])
  }
}
