import Sampling
import Tensors

extension ModelFamily {
  /// PixArt-alpha and PixArt-Sigma, which differ in the tokens of a prompt, in sizes and in
  /// weights.
  package static let pixArt = ModelFamily(
    pipelines: Array(TextEncoding.pixArtPromptLengths.keys).sorted(),
    transformers: PixArtConfig.classes,
    pipeline: PixArtConfig.pipeline,
    sampling: SamplingProfile(steps: 20, guidanceScale: 4.5, sizes: .aspectRatioBins),
    textEncoding: { .pixArt($0, $1) },
    transformer: { try PixArtTransformer($0) })
}

extension TextEncoding {
  /// Tokens of a padded prompt, `max_sequence_length` of the pipeline in diffusers.
  static let pixArtPromptLengths = ["PixArtAlphaPipeline": 120, "PixArtSigmaPipeline": 300]

  /// The text of PixArt pipelines: T5, without padding.
  ///
  /// Padding is left out: padded keys have no weight in the text encoder and none in the
  /// transformer's cross-attention (their logits are 10,000 lower, which is exactly 0 after the
  /// softmax), so the pictures are the same and cost less.
  static func pixArt(_ folder: ModelFolder, _ options: TextOptions) -> TextEncoding {
    guard let length = options.promptLength ?? pixArtPromptLengths[folder.pipelineClass]
    else {
      preconditionFailure("\(folder.pipelineClass) is no pipeline of this family")
    }
    // The default of the pipelines, where what it needs is installed.
    let cleansCaptions = options.cleansCaptions ?? true
    let part = TextPart(
      "text_encoder", tokenizer: "tokenizer", of: folder,
      openTokenizer: { path, rows in
        let pieces = try SentencePieceTokenizer(folder: path, rows: rows)
        let prepare = cleansCaptions ? cleanedPrompt : preparedPrompt
        return { try pieces.encode(prepare($0), length: length).withoutPadding }
      },
      openEncoder: { try T5Encoder($0, from: $1) })
    return TextEncoding(promptLength: length, cleansCaptions: cleansCaptions, parts: [part])
  }
}
