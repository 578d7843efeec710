import Kernels
import Layers
import Streams
import Tensors

/// One block of the T5 encoder: self-attention and a gated feed-forward, each on a normed input and
/// added to it.
///
/// `x += o(softmax(q k^T + position bias) v)`, `x += wo(gelu(wi_0 n) * wi_1 n)`; no biases, no
/// 1/sqrt(d).
final class T5Block: TextBlock {
  /// What every block of one call shares.
  struct Context {
    let text: TextBatch
    /// [heads][2 * length - 1], see `RelativePositionBias`.
    let bias: Matrix
    let observer: (any LayerObserver)?
  }

  let name: String
  private let heads: Int
  private let epsilon: Float
  private let attentionNorm: [Float]
  private let q, k, v, o: Linear
  private let feedForwardNorm: [Float]
  private let gate, up, down: Linear

  init(
    _ name: String, width: Int, inner: Int, hidden: Int, heads: Int, epsilon: Float,
    from layers: StoredLayers
  ) throws {
    func linear(
      _ part: String, _ kind: LayerRole.Kind, site: String? = nil, _ inputs: Int, _ outputs: Int
    ) throws -> Linear {
      let role = LayerRole(
        "\(name).layer.\(part)", site: site.map { "\(name).layer.\($0)" }, kind: kind, block: name)
      return try layers.linear(role, inputs: inputs, outputs: outputs, hasBias: false)
    }
    func norm(_ layer: Int) throws -> [Float] {
      try layers.source.tensor("\(name).layer.\(layer).layer_norm.weight", shape: [width]).floats()
    }
    self.name = name
    self.heads = heads
    self.epsilon = epsilon
    attentionNorm = try norm(0)
    let (attention, feedForward) = ("0.SelfAttention", "1.DenseReluDense")
    q = try linear("\(attention).q", .query, site: "\(attention).qkv", width, inner)
    k = try linear("\(attention).k", .key, site: "\(attention).qkv", width, inner)
    v = try linear("\(attention).v", .value, site: "\(attention).qkv", width, inner)
    o = try linear("\(attention).o", .attentionOutput, inner, width)
    feedForwardNorm = try norm(1)
    gate = try linear(
      "\(feedForward).wi_0", .feedForwardInput, site: "\(feedForward).wi", width, hidden)
    up = try linear(
      "\(feedForward).wi_1", .feedForwardInput, site: "\(feedForward).wi", width, hidden)
    down = try linear("\(feedForward).wo", .feedForwardOutput, hidden, width)
  }

  var linears: [Linear] { [q, k, v, o, gate, up, down] }

  /// Adds both sublayers to x [samples * length][width], in place.
  func forward(_ x: Matrix, _ context: Context) {
    func watch(_ layers: [Linear], _ input: Matrix) {
      context.observer?.observe(
        layers.map(\.role), input: input, samples: context.text.samples, valid: context.text.mask)
    }
    let n = rmsNorm(x, weight: attentionNorm, epsilon: epsilon)
    watch([q, k, v], n)
    let projected = Linear.products([q, k, v], n)
    let last = context.text.length - 1
    let mixed = context.text.attend(
      projected[0], projected[1], projected[2], heads: heads, scale: 1
    ) { head, query in
      UnsafePointer(context.bias.row(head) + (last - query))
    }
    watch([o], mixed)
    x.add(o(mixed))

    let m = rmsNorm(x, weight: feedForwardNorm, epsilon: epsilon)
    watch([gate, up], m)
    let gated = Linear.products([gate, up], m)
    let hidden = gated[0]
    hidden.applyGELU(times: gated[1])
    watch([down], hidden)
    x.add(down(hidden))
  }
}
