import Kernels
import Layers
import Streams
import Tensors

/// One layer of the BERT encoder (transformers `BertLayer`): self-attention and a feed-forward,
/// each added to its input and then normed.
///
/// `x = norm(x + o(softmax(q k^T / sqrt(d)) v))`, `x = norm(x + output(gelu(intermediate x)))`,
/// with the exact GELU; all linear layers have biases.
final class BertLayer: TextBlock {
  let name: String
  private let heads: Int
  private let scale: Float
  private let query, key, value, attentionOutput: Linear
  private let attentionNorm: LayerNorm
  private let intermediate, output: Linear
  private let outputNorm: LayerNorm

  init(
    _ name: String, width: Int, hidden: Int, heads: Int, epsilon: Float,
    from layers: StoredLayers
  ) throws {
    func linear(
      _ part: String, _ kind: LayerRole.Kind, site: String? = nil, readsGELU: Bool = false,
      _ inputs: Int, _ outputs: Int
    ) throws -> Linear {
      let role = LayerRole(
        "\(name).\(part)", site: site.map { "\(name).\($0)" }, kind: kind, block: name,
        readsGELU: readsGELU)
      return try layers.linear(role, inputs: inputs, outputs: outputs)
    }
    func norm(_ part: String) throws -> LayerNorm {
      try LayerNorm(
        "\(name).\(part).LayerNorm", width: width, epsilon: epsilon, from: layers.source)
    }
    self.name = name
    self.heads = heads
    scale = 1 / Float(width / heads).squareRoot()
    let site = "attention.self.qkv"
    query = try linear("attention.self.query", .query, site: site, width, width)
    key = try linear("attention.self.key", .key, site: site, width, width)
    value = try linear("attention.self.value", .value, site: site, width, width)
    attentionOutput = try linear("attention.output.dense", .attentionOutput, width, width)
    attentionNorm = try norm("attention.output")
    intermediate = try linear("intermediate.dense", .feedForwardInput, width, hidden)
    output = try linear("output.dense", .feedForwardOutput, readsGELU: true, hidden, width)
    outputNorm = try norm("output")
  }

  var linears: [Linear] { [query, key, value, attentionOutput, intermediate, output] }

  /// The output for x [samples * length][width], the tokens of `text`.
  func callAsFunction(_ x: Matrix, _ text: TextBatch, observer: (any LayerObserver)?) -> Matrix {
    func products(_ layers: [Linear], _ input: Matrix) -> [Matrix] {
      observer?.observe(
        layers.map(\.role), input: input, samples: text.samples, valid: text.mask)
      return Linear.products(layers, input)
    }
    let projected = products([query, key, value], x)
    let mixed = text.attend(
      projected[0], projected[1], projected[2], heads: heads, scale: scale)
    let attended = products([attentionOutput], mixed)[0]
    attended.add(x)
    let n = attentionNorm(attended)

    let hidden = products([intermediate], n)[0]
    hidden.applyExactGELU()
    let fed = products([output], hidden)[0]
    fed.add(n)
    return outputNorm(fed)
  }
}
