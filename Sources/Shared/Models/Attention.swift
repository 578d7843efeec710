import Formats
import Kernels
import Layers
import Streams
import Tensors

/// Multi-head attention of a block, to its own tokens or to the text: diffusers' `Attention` with
/// biases.
///
/// Query and key may have a norm per head, and positions that turn them.
package struct BlockAttention: Sendable {
  /// How a block's attention is built.
  struct Shape {
    let heads: Int
    let headSize: Int
    /// What keys and values are made of; nil: of the tokens themselves.
    var text: Text?
    /// Of the norms of query and key; nil: there are none.
    var normEpsilon: Float?

    var width: Int { heads * headSize }
  }

  /// The text as attention reads it, which is the same in all blocks.
  struct Text {
    /// Channels of its states.
    let width: Int
    /// The name of the first block's site that reads it.
    let site: String
  }

  package let name: String
  private let shape: Shape
  /// 1 / sqrt(head size).
  private let scale: Float
  private let toQuery: Linear
  private let toKey: Linear
  private let toValue: Linear
  private let toOut: Linear
  private let queryNorm: LayerNorm?
  private let keyNorm: LayerNorm?
  /// What query, key and value are rounded to, per token and head; nil: not at all.
  private let rounding: ActivationFormat?

  /// Views the layers `name`.
  ///
  /// - Parameters:
  ///   - name: the prefix of its parameters.
  ///   - block: the block that it is a part of.
  ///   - shape: its heads, and what they read.
  ///   - parts: of the model.
  /// - Throws: `Failure` for a tensor that is missing or has another shape.
  init(_ name: String, block: String, _ shape: Shape, parts: TransformerParts) throws {
    (self.name, self.shape) = (name, shape)
    rounding = parts.attention
    scale = Float(1 / Double(shape.headSize).squareRoot())
    let width = shape.width
    func linear(
      _ part: String, _ kind: LayerRole.Kind, site: String? = nil, rows: LayerRole.Rows = .tokens,
      inputs: Int
    ) throws -> Linear {
      let role = LayerRole(
        "\(name).\(part)", site: site.map { "\(name).\($0)" },
        statistics: rows == .text ? shape.text?.site : nil, kind: kind, block: block, rows: rows)
      return try parts.makeLinear(role, inputs, width)
    }
    let readsText = shape.text != nil
    let (site, rows): (String, LayerRole.Rows) = readsText ? ("kv", .text) : ("qkv", .tokens)
    let inputs = shape.text?.width ?? width
    toQuery = try linear("to_q", .query, site: readsText ? nil : site, inputs: width)
    toKey = try linear("to_k", .key, site: site, rows: rows, inputs: inputs)
    toValue = try linear("to_v", .value, site: site, rows: rows, inputs: inputs)
    toOut = try linear("to_out.0", .attentionOutput, inputs: width)
    func norm(_ part: String) throws -> LayerNorm? {
      try shape.normEpsilon.map {
        try LayerNorm(
          "\(name).\(part)", width: shape.headSize, epsilon: $0, from: parts.weights)
      }
    }
    queryNorm = try norm("norm_q")
    keyNorm = try norm("norm_k")
  }

  var linears: [Linear] { [toQuery, toKey, toValue, toOut] }
  var tables: [ParameterTable] { [queryNorm, keyNorm].compactMap(\.self).flatMap(\.tables) }

  /// Keys and values of the text [samples * text tokens][text width].
  func readText<O: Operations>(
    _ states: O.Value, valid: [Bool]?, bias: Matrix?, on operations: O
  ) -> BlockText<O.Value> {
    let kv = operations.project([toKey, toValue], .value(states), valid: valid)
    return BlockText(
      keys: prepared(kv[0], keyNorm, nil, operations), values: rounded(kv[1], operations),
      bias: bias)
  }

  /// x + gate * the self-attention of `input`, both [samples * tokens][D].
  func add<O: Operations>(
    to x: O.Value, _ input: ProjectionInput<O.Value>, gate: O.Value? = nil,
    positions: RotaryEmbedding? = nil, on operations: O
  ) -> O.Value {
    let qkv = operations.project([toQuery, toKey, toValue], input, valid: nil)
    let mixed = operations.attention(
      prepared(qkv[0], queryNorm, positions, operations),
      prepared(qkv[1], keyNorm, positions, operations), rounded(qkv[2], operations),
      heads: shape.heads, scale: scale, keyBias: nil)
    return operations.add(to: x, toOut, .value(mixed), gate: gate, module: name)
  }

  /// x + the cross-attention of `input` to the prompts, both [samples * tokens][D].
  func add<O: Operations>(
    to x: O.Value, _ input: ProjectionInput<O.Value>, text: BlockText<O.Value>,
    positions: RotaryEmbedding? = nil, on operations: O
  ) -> O.Value {
    let q = operations.project([toQuery], input, valid: nil)[0]
    let mixed = operations.attention(
      prepared(q, queryNorm, positions, operations), text.keys, text.values, heads: shape.heads,
      scale: scale, keyBias: text.bias)
    return operations.add(to: x, toOut, .value(mixed), gate: nil, module: name)
  }

  /// A query or key x [tokens][D] as the products of the attention take it.
  private func prepared<O: Operations>(
    _ x: O.Value, _ norm: LayerNorm?, _ positions: RotaryEmbedding?, _ operations: O
  ) -> O.Value {
    let normalized = norm.map { operations.normalizeHeads(x, $0) } ?? x
    return rounded(
      positions.map { operations.rotate(normalized, by: $0) } ?? normalized, operations)
  }

  private func rounded<O: Operations>(_ x: O.Value, _ operations: O) -> O.Value {
    rounding.map { operations.round(x, to: $0, groupSize: shape.headSize) } ?? x
  }
}
