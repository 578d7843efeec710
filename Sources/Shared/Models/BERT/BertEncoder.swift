import Kernels
import Layers
import Platform
import Tensors

/// The encoder of BERT (transformers `BertModel`, without its pooler), in f32: the first text
/// encoder of Hunyuan-DiT.
package final class BertEncoder: TextEncoder {
  package let width: Int
  private let weights: any TensorSource
  private let embeddings: BertEmbeddings
  private let layers: [BertLayer]

  package var blockCount: Int { layers.count }
  package var linears: [Linear] { [embeddings.words] + layers.flatMap(\.linears) }

  /// Tokens in the vocabulary.
  package var vocabulary: Int { embeddings.vocabulary }

  /// The longest text that there are positions for.
  package var longest: Int { embeddings.longest }

  /// Views the weights of `source`.
  ///
  /// The names of the weights may all begin with `bert.`, as in files that were saved with a head
  /// for training.
  ///
  /// - Throws: `Failure` for a missing tensor, another shape, or a configuration that this does not
  ///   compute.
  package init(_ config: ModelConfig, from source: any TensorSource) throws {
    weights = source
    try BertEncoder.check(config)
    width = try config.bounded("hidden_size")
    let heads = try config.bounded("num_attention_heads")
    guard width.isMultiple(of: heads) else {
      throw Failure(
        config.path,
        "num_attention_heads: expected a divisor of hidden_size \(width), found \(heads)")
    }
    let epsilon = try config.epsilon("layer_norm_eps", default: 1e-12)
    let hidden = try config.bounded("intermediate_size")

    let stored = try StoredLayers(source)
    let plain = "embeddings.word_embeddings.weight"
    let prefix = source.find(plain) == nil && source.find("bert.\(plain)") != nil ? "bert." : ""
    embeddings = try BertEmbeddings(
      "\(prefix)embeddings", config: config, epsilon: epsilon, from: stored)
    var layers: [BertLayer] = []
    for index in 0..<(try config.bounded("num_hidden_layers")) {
      layers.append(
        try BertLayer(
          "\(prefix)encoder.layer.\(index)", width: width, hidden: hidden, heads: heads,
          epsilon: epsilon, from: stored))
    }
    self.layers = layers
  }

  /// - Throws: `Failure` naming the key for what is not computed here.
  private static func check(_ config: ModelConfig) throws {
    _ = try config.choice("model_type", of: ["bert"], default: "bert")
    _ = try config.choice("hidden_act", of: ["gelu"], default: "gelu")
    _ = try config.choice("position_embedding_type", of: ["absolute"], default: "absolute")
    for key in ["is_decoder", "add_cross_attention"] where try config.bool(key) == true {
      throw Failure(config.path, "\(key): expected false, found true")
    }
  }

  /// - Throws: as the protocol says, and `Failure` for texts that are longer than `longest`.
  package func encode(
    _ texts: [TextBatch], observer: (any LayerObserver)?, didFinishBlock: () throws -> Void
  ) throws -> [Matrix] {
    var states = try texts.map { text in
      let x = try embeddings(text)
      observer?.observe(module: embeddings.name, output: x)
      return x
    }
    embeddings.letGo()
    try forEachReadAhead(layers) { layer in
      for (index, text) in texts.enumerated() {
        states[index] = layer(states[index], text, observer: observer)
        guard states[index].isFinite else {
          throw weights.notFinite("states after \(layer.name)")
        }
        observer?.observe(module: layer.name, output: states[index])
      }
      try didFinishBlock()
    }
    return states
  }
}
