import Kernels
import Layers
import Streams
import Tensors

/// One block of the T5 encoder: self-attention and a gated feed-forward, each on a normed input and
/// added to it.
///
/// `x += o(softmax(q k^T + position bias) v)`, `x += wo(gelu(wi_0 n) * wi_1 n)`; no biases, no
/// 1/sqrt(d).
final class T5Block {
  /// What every block of one call shares.
  struct Context {
    /// How many real tokens each sample begins with.
    let real: [Int]
    let length: Int
    /// [heads][2 * length - 1], see `RelativePositionBias`.
    let bias: Matrix
    /// [batch * length].
    let mask: [Bool]
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
    from source: any TensorSource
  ) throws {
    func linear(
      _ part: String, _ kind: LayerRole.Kind, site: String? = nil, _ inputs: Int, _ outputs: Int
    ) throws -> Linear {
      let role = LayerRole(
        "\(name).layer.\(part)", site: site.map { "\(name).layer.\($0)" }, kind: kind, block: name)
      return try Linear(role, inputs: inputs, outputs: outputs, hasBias: false, from: source)
    }
    func norm(_ layer: Int) throws -> [Float] {
      try source.tensor("\(name).layer.\(layer).layer_norm.weight", shape: [width]).floats()
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

  /// Adds both sublayers to x [batch * length][width], in place.
  func forward(_ x: Matrix, _ context: Context) {
    func watch(_ layers: [Linear], _ input: Matrix) {
      context.observer?.observe(
        layers.map(\.role), input: input, samples: context.real.count, valid: context.mask)
    }
    let n = rmsNorm(x, weight: attentionNorm, epsilon: epsilon)
    watch([q, k, v], n)
    let mixed = attend(q(n), k(n), v(n), context)
    watch([o], mixed)
    x.add(o(mixed))

    let m = rmsNorm(x, weight: feedForwardNorm, epsilon: epsilon)
    watch([gate, up], m)
    let (hidden, linear) = (gate(m), up(m))
    hidden.applyGELU(times: linear)
    watch([down], hidden)
    x.add(down(hidden))
  }

  /// Attention of all queries over the real keys, sample by sample: a masked key has weight exactly
  /// 0 in the original.
  private func attend(_ q: Matrix, _ k: Matrix, _ v: Matrix, _ context: Context) -> Matrix {
    func part(_ x: Matrix, _ sample: Int, _ rows: Int) -> Matrix {
      let copy = Matrix(rows: rows, columns: x.columns)
      copy.pointer.update(from: x.row(sample * context.length), count: copy.count)
      return copy
    }
    let output = Matrix(rows: q.rows, columns: q.columns)
    for (sample, real) in context.real.enumerated() {
      let mixed = attention(
        q: part(q, sample, context.length), k: part(k, sample, real), v: part(v, sample, real),
        batch: 1, heads: heads, scale: 1
      ) { _, head, query in UnsafePointer(context.bias.row(head) + (context.length - 1 - query)) }
      output.row(sample * context.length).update(from: mixed.pointer, count: mixed.count)
    }
    return output
  }
}
