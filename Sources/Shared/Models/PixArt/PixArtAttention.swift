import Formats
import Layers
import Streams
import Tensors

/// Multi-head attention of PixArt: diffusers' `Attention` with biases and without query and key
/// norms.
package struct PixArtAttention: Sendable {
  package let name: String
  let heads: Int
  /// 1 / sqrt(head size).
  let scale: Float
  let toQuery: Linear
  let toKey: Linear
  let toValue: Linear
  let toOut: Linear
  /// What query, key and value are rounded to, per token and head; nil: not at all.
  let rounding: ActivationFormat?
  private let headSize: Int

  /// Views the layers `name`.
  ///
  /// - Parameters:
  ///   - name: the prefix of its parameters.
  ///   - block: the block that it is a part of.
  ///   - readsText: whether keys and values are of the text, and so have an input of their own.
  ///   - config: of the model.
  ///   - parts: of the model.
  /// - Throws: `Failure` for a tensor that is missing or has another shape.
  init(
    _ name: String, block: String, readsText: Bool, config: PixArtConfig, parts: TransformerParts
  ) throws {
    self.name = name
    rounding = parts.attention
    heads = config.heads
    headSize = config.headSize
    scale = Float(1 / Double(config.headSize).squareRoot())
    let width = config.width
    func linear(
      _ part: String, _ kind: LayerRole.Kind, site: String? = nil, rows: LayerRole.Rows = .tokens
    ) throws -> Linear {
      let role = LayerRole(
        "\(name).\(part)", site: site.map { "\(name).\($0)" }, kind: kind, block: block, rows: rows)
      return try parts.makeLinear(role, width, width)
    }
    let (site, rows): (String, LayerRole.Rows) = readsText ? ("kv", .text) : ("qkv", .tokens)
    toQuery = try linear("to_q", .query, site: readsText ? nil : site)
    toKey = try linear("to_k", .key, site: site, rows: rows)
    toValue = try linear("to_v", .value, site: site, rows: rows)
    toOut = try linear("to_out.0", .attentionOutput)
  }

  var linears: [Linear] { [toQuery, toKey, toValue, toOut] }

  /// Keys and values of the text [samples * text tokens][D].
  func readText<O: Operations>(
    _ states: O.Value, valid: [Bool]?, bias: Matrix, on operations: O
  ) -> BlockText<O.Value> {
    let kv = operations.project([toKey, toValue], .value(states), valid: valid)
      .map { rounded($0, operations) }
    return BlockText(keys: kv[0], values: kv[1], bias: bias)
  }

  /// x + gate * the self-attention of `input`, both [samples * tokens][D].
  func add<O: Operations>(
    to x: O.Value, _ input: ProjectionInput<O.Value>, gate: O.Value, on operations: O
  ) -> O.Value {
    let qkv = operations.project([toQuery, toKey, toValue], input, valid: nil)
      .map { rounded($0, operations) }
    let mixed = operations.attention(
      qkv[0], qkv[1], qkv[2], heads: heads, scale: scale, keyBias: nil)
    return operations.add(to: x, toOut, .value(mixed), gate: gate, module: name)
  }

  /// x + the cross-attention of x [samples * tokens][D] to the prompts.
  func add<O: Operations>(
    to x: O.Value, text: BlockText<O.Value>, on operations: O
  ) -> O.Value {
    let q = operations.project([toQuery], .value(x), valid: nil)[0]
    let mixed = operations.attention(
      rounded(q, operations), text.keys, text.values, heads: heads, scale: scale,
      keyBias: text.bias)
    return operations.add(to: x, toOut, .value(mixed), gate: nil, module: name)
  }

  /// x [tokens][D] rounded to what the products of the attention take.
  private func rounded<O: Operations>(_ x: O.Value, _ operations: O) -> O.Value {
    rounding.map { operations.round(x, to: $0, groupSize: headSize) } ?? x
  }
}
