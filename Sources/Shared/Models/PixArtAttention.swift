import Formats
import Foundation
import Kernels
import Tensors

/// Multi-head attention of PixArt: diffusers' `Attention` with biases and without query and key norms.
package struct PixArtAttention: Sendable {
  package let name: String
  package let heads: Int
  /// 1 / sqrt(head size).
  package let scale: Float
  package let toQuery: Linear
  package let toKey: Linear
  package let toValue: Linear
  package let toOut: Linear
  /// What query, key and value are rounded to, per token and head; nil: not at all.
  let rounding: ActivationFormat?
  let keyValueSite: String
  let sharedSite: String

  init(
    _ name: String, config: PixArtConfig, rounding: ActivationFormat?, makeLinear: LinearFactory
  ) throws {
    self.name = name
    self.rounding = rounding
    heads = config.heads
    scale = Float(1 / Double(config.headSize).squareRoot())
    let width = config.width
    toQuery = try makeLinear("\(name).to_q", width, width)
    toKey = try makeLinear("\(name).to_k", width, width)
    toValue = try makeLinear("\(name).to_v", width, width)
    toOut = try makeLinear("\(name).to_out.0", width, width)
    keyValueSite = "\(name).kv"
    sharedSite = "\(name).qkv"
  }

  /// Self-attention of x [batch * tokens][D].
  func callAsFunction(_ x: Matrix, batch: Int, observer: (any LayerObserver)?) -> Matrix {
    let qkv = Linear.project(
      [toQuery, toKey, toValue], x, site: sharedSite, observer: observer
    ).map(rounded)
    let mixed = attention(
      q: qkv[0], k: qkv[1], v: qkv[2], batch: batch, heads: heads, scale: scale)
    let output = toOut(mixed, observer: observer)
    observer?.observe(module: name, output: output)
    return output
  }

  /// Cross-attention of x [batch * tokens][D] to the prompts.
  func callAsFunction(
    _ x: Matrix, text: TextContext, index: Int, observer: (any LayerObserver)?
  ) -> Matrix {
    let mixed = attention(
      q: rounded(toQuery(x, observer: observer)), k: text.keys[index], v: text.values[index],
      batch: text.batch, heads: heads, scale: scale
    ) { sample, _, _ in UnsafePointer(text.bias.row(sample)) }
    let output = toOut(mixed, observer: observer)
    observer?.observe(module: name, output: output)
    return output
  }

  /// x [tokens][D] rounded to what the products of the attention take.
  private func rounded(_ x: Matrix) -> Matrix {
    rounding.map { $0.rounded(x, groupSize: x.columns / heads) } ?? x
  }

  /// Keys and values of the text [batch * text tokens][D].
  func keysAndValues(
    _ text: Matrix, valid: [Bool], observer: (any LayerObserver)?
  ) -> (keys: Matrix, values: Matrix) {
    let kv = Linear.project(
      [toKey, toValue], text, site: keyValueSite, valid: valid, observer: observer
    ).map(rounded)
    return (kv[0], kv[1])
  }
}
