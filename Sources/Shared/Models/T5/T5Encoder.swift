import Kernels
import Layers
import Platform
import Tensors

/// The encoder of T5 v1.1 and mT5 (transformers `T5EncoderModel`, `MT5EncoderModel`), in f32; its
/// weights float or packed.
package final class T5Encoder: TextEncoder {
  package let width: Int
  package let vocabulary: Int
  private let epsilon: Float
  private let weights: any TensorSource
  private let heads: Int
  /// [vocabulary][width].
  private let embedding: Linear
  private let positionBias: RelativePositionBias
  private let blocks: [T5Block]
  private let finalNorm: [Float]

  package var blockCount: Int { blocks.count }
  package var linears: [Linear] { [embedding] + blocks.flatMap(\.linears) }

  /// Views the weights of `source`.
  ///
  /// - Throws: `Failure` for a missing tensor, another shape, or a configuration that this does not
  ///   compute.
  package init(_ config: ModelConfig, from source: any TensorSource) throws {
    weights = source
    // UmT5, for one, has a position bias in every block.
    _ = try config.choice("model_type", of: ["t5", "mt5"], default: "t5")
    width = try config.bounded("d_model")
    vocabulary = try config.vocabularySize()
    heads = try config.bounded("num_heads")
    epsilon = try config.epsilon("layer_norm_epsilon", default: 1e-6)
    _ = try config.choice("feed_forward_proj", of: ["gated-gelu"], default: "relu")
    let buckets = try config.bounded("relative_attention_num_buckets", default: 32)
    let distance = try config.bounded("relative_attention_max_distance", default: 128)
    guard buckets >= 4, distance > buckets / 4 else {
      throw Failure(
        config.path,
        "relative_attention_num_buckets: expected at least 4 and a distance beyond a quarter of "
          + "them, found \(buckets) and \(distance)")
    }
    let inner = try heads * config.bounded("d_kv")

    let names = ["shared.weight", "encoder.embed_tokens.weight"]
    let name = names.first { source.find($0) != nil } ?? names[0]
    let layers = try StoredLayers(source)
    embedding = try layers.table(
      String(name.dropLast(".weight".count)), rows: vocabulary, width: width)
    positionBias = try RelativePositionBias(
      "encoder.block.0.layer.0.SelfAttention.relative_attention_bias", buckets: buckets,
      maxDistance: distance, heads: heads, from: source)
    var blocks: [T5Block] = []
    for index in 0..<(try config.bounded("num_layers")) {
      blocks.append(
        try T5Block(
          "encoder.block.\(index)", width: width, inner: inner, hidden: config.bounded("d_ff"),
          heads: heads, epsilon: epsilon, from: layers))
    }
    self.blocks = blocks
    finalNorm = try source.tensor("encoder.final_layer_norm.weight", shape: [width]).floats()
  }

  package func encode(
    _ texts: [TextBatch], observer: (any LayerObserver)?, didFinishBlock: () throws -> Void
  ) throws -> [Matrix] {
    let states = try texts.map { try $0.embedded(in: embedding) }
    for tensor in embedding.tensors { tensor.letGo() }
    // [heads][2 * length - 1] by length.
    let biases = Dictionary(
      uniqueKeysWithValues: Set(texts.map(\.length)).map { ($0, positionBias.table(length: $0)) })
    try forEachReadAhead(blocks) { block in
      for (text, x) in zip(texts, states) {
        block.forward(
          x, T5Block.Context(text: text, bias: biases[text.length]!, observer: observer))
        guard x.isFinite else { throw weights.notFinite("states after \(block.name)") }
        observer?.observe(module: block.name, output: x)
      }
      try didFinishBlock()
    }
    return try states.map { x in
      let output = rmsNorm(x, weight: finalNorm, epsilon: epsilon)
      guard output.isFinite else { throw weights.notFinite("final states") }
      observer?.observe(module: "encoder.final_layer_norm", output: output)
      return output
    }
  }
}
