import Models
import Tensors

/// `PixArtAttention` on variables.
package struct TapedPixArtAttention {
  package let toQuery: TapedLinear
  package let toKey: TapedLinear
  package let toValue: TapedLinear
  package let toOut: TapedLinear
  private let heads: Int
  private let scale: Float

  init(_ attention: PixArtAttention, options: TapedOptions) throws {
    toQuery = try TapedLinear(attention.toQuery, options: options)
    toKey = try TapedLinear(attention.toKey, options: options)
    toValue = try TapedLinear(attention.toValue, options: options)
    toOut = try TapedLinear(attention.toOut, options: options)
    (heads, scale) = (attention.heads, attention.scale)
  }

  var linears: [TapedLinear] { [toQuery, toKey, toValue, toOut] }

  /// Self-attention of x [batch * tokens][D].
  func callAsFunction(_ x: Variable, batch: Int, on tape: Tape) -> Variable {
    let qkv = TapedLinear.project([toQuery, toKey, toValue], x, on: tape)
    let mixed = tape.attention(
      q: qkv[0], k: qkv[1], v: qkv[2], batch: batch, heads: heads, scale: scale)
    return toOut(mixed, on: tape)
  }

  /// Cross-attention of x [batch * tokens][D] to the prompts.
  func callAsFunction(_ x: Variable, text: TapedText, on tape: Tape) -> Variable {
    let kv = TapedLinear.project([toKey, toValue], text.states, on: tape)
    let mixed = tape.attention(
      q: toQuery(x, on: tape), k: kv[0], v: kv[1], batch: text.bias.rows, heads: heads,
      scale: scale, keyBias: text.bias)
    return toOut(mixed, on: tape)
  }
}
