import Layers
import Platform
import Streams
import Tensors

/// The text's way into the blocks: BERT's states as they are, T5's through two linear layers, and a
/// learned vector in place of each position that is padding.
struct HunyuanText: Sendable {
  private let config: HunyuanConfig
  private let embedder: SiLUProjection
  /// [BERT tokens + T5 tokens][channels].
  private let padding: ParameterTable
  private let pooler: HunyuanPooler

  init(config: HunyuanConfig, parts: TransformerParts) throws {
    self.config = config
    embedder = try SiLUProjection(
      "text_embedder", kind: .embedding, rows: .text, inputs: config.t5Width,
      hidden: 4 * config.t5Width, outputs: config.textWidth, makeLinear: parts.makeLinear)
    padding = try ParameterTable(
      "text_embedding_padding", rows: config.textLength + config.t5Length,
      columns: config.textWidth, from: parts.weights)
    pooler = try HunyuanPooler(config: config, parts: parts)
  }

  var linears: [Linear] { embedder.linears + pooler.linears }

  /// The states [samples * (BERT tokens + T5 tokens)][channels] of `prompts`, which have one state
  /// for every token that the model reads.
  func callAsFunction(
    _ prompts: [EncodedPrompt], observer: (any LayerObserver)?
  ) -> ProjectedText {
    let direct = Direct(samples: prompts.count, observer: observer)
    let (bert, t5) = (prompts.map { $0.texts[0] }, prompts.map { $0.texts[1] })
    for (texts, tokens, width) in [
      (bert, config.textLength, config.textWidth), (t5, config.t5Length, config.t5Width),
    ] {
      for states in texts.map(\.states) {
        precondition(
          states.rows == tokens && states.columns == width,
          "text of \(states.rows)x\(states.columns), not \(tokens)x\(width)")
      }
    }
    let states = Matrix(rows: prompts.count * config.t5Length, columns: config.t5Width)
    for (sample, text) in t5.enumerated() {
      states.row(sample * config.t5Length).update(
        from: text.states.pointer, count: text.states.count)
    }
    let pooled = pooler(states, on: direct)
    let projected = embedder(states, valid: t5.flatMap(\.mask), on: direct)

    let tokens = config.textLength + config.t5Length
    let text = Matrix(rows: prompts.count * tokens, columns: config.textWidth)
    for sample in prompts.indices {
      for token in 0..<tokens {
        let ofT5 = token - config.textLength
        let isReal = ofT5 < 0 ? bert[sample].mask[token] : t5[sample].mask[ofT5]
        let own =
          ofT5 < 0
          ? bert[sample].states.row(token) : projected.row(sample * config.t5Length + ofT5)
        text.row(sample * tokens + token).update(
          from: isReal ? own : padding.values.row(token), count: config.textWidth)
      }
    }
    return ProjectedText(tokens: tokens, states: text, bias: nil, valid: nil, pooled: pooled)
  }
}
