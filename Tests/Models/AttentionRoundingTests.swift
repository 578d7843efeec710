import Formats
import Foundation
import Layers
import Models
import Platform
import Streams
import Tensors
import TestSupport
import Testing

/// Query, key and value rounded per token and head before the attention (FP4DiT).
@Suite struct AttentionRoundingTests {
  @Test func `names are read`() throws {
    let e2m3 = try #require(try ActivationFormat.parse("e2m3:token"))
    func resolved(_ text: String) throws -> String? {
      try AttentionFormat(text).resolved(activations: e2m3)?.description
    }
    #expect(try resolved("none") == nil && resolved("f32") == nil)
    #expect(try resolved("activations") == "e2m3:token-group")
    #expect(try resolved("a8") == "e3m4:token-group" && resolved("a6") == "e2m3:token-group")
    #expect(try resolved("int8") == "int8:token-group")
    #expect(try AttentionFormat("activations").resolved(activations: nil) == nil)
    for bad in ["int4", "int8:token", "e9m9", ""] {
      #expect(throws: (any Error).self, "\(bad)") { try AttentionFormat(bad) }
    }
  }

  /// What the output projection of block 0 reads follows from q, k and v rounded one token and head
  /// at a time, in f64.
  @Test func `heads are rounded by themselves`() throws {
    let golden = try ModelCase("pixart-sigma")
    let call = try PixArtCall(golden)
    let seen = Inputs()
    let format = try AttentionFormat("a6").resolved(activations: nil)
    _ = call(
      try PixArtTransformer(
        TransformerParts(
          config: golden.config, weights: golden.weights, attention: format)),
      observer: seen)
    let (name, heads) = (
      "transformer_blocks.0.attn1", try #require(golden.config.json["num_attention_heads"]?.int)
    )
    let x = try #require(seen.inputs["\(name).qkv"])
    let (width, tokens) = (x.columns, x.rows / call.latents.samples)
    let size = width / heads
    let qkv = try ["q", "k", "v"].map { part in
      let layer = try Linear(
        LayerRole("\(name).to_\(part)", kind: .query), inputs: width, outputs: width,
        from: golden.weights)
      return rounded(layer(x), size: size)
    }
    let mixed = try #require(seen.inputs["\(name).to_out.0"])
    var largest = 0.0
    for row in 0..<x.rows {
      let keys = (row / tokens * tokens)..<(row / tokens * tokens + tokens)
      for head in 0..<heads {
        let channels = (head * size)..<((head + 1) * size)
        let logits = keys.map { key in
          channels.reduce(0) { $0 + qkv[0][row][$1] * qkv[1][key][$1] } / Double(size).squareRoot()
        }
        let top = logits.max() ?? 0
        let weights = logits.map { exp($0 - top) }
        let total = weights.reduce(0, +)
        for channel in channels {
          let sum = zip(keys, weights).reduce(0) { $0 + $1.1 * qkv[2][$1.0][channel] }
          largest = max(largest, abs(sum / total - Double(mixed.row(row)[channel])))
        }
      }
    }
    // Values of order 1; logits of order 10 are off by some 10 units of f32 and so are their
    // exponentials.
    #expect(largest < 200 * 0x1p-24)
    // Rounding to 6 bits is far above that: without it the test would not pass.
    let plain = Inputs()
    _ = call(
      try PixArtTransformer(TransformerParts(config: golden.config, weights: golden.weights)),
      observer: plain)
    let exact = try #require(plain.inputs["\(name).to_out.0"])
    #expect(largestDifference(exact.values, mixed.values) > 1e-3)
  }

  /// [tokens][width], each token and head by the nearest of E2M3's integers times absmax / 60.
  private func rounded(_ x: Matrix, size: Int) -> [[Double]] {
    let integers =
      (0...16).map { Double($0) } + stride(from: 18.0, through: 32, by: 2)
      + stride(from: 36.0, through: 60, by: 4)
    return (0..<x.rows).map { row in
      var values: [Double] = []
      for first in stride(from: 0, to: x.columns, by: size) {
        let part = (first..<(first + size)).map { x.row(row)[$0] }
        let scale = (part.map(abs).max() ?? 0) / 60
        values += part.map { value in
          let t = Double(abs(value) / scale)
          let nearest = integers.min { abs($0 - t) < abs($1 - t) } ?? 0
          return (value < 0 ? -nearest : nearest) * Double(scale)
        }
      }
      return values
    }
  }
}

/// Keeps the inputs of linear layers, the first of each name.
private final class Inputs: LayerObserver {
  var inputs: [String: Matrix] = [:]

  func observe(_ layers: [LayerRole], input: Matrix, samples: Int, valid: [Bool]?) {
    let site = layers[0].site
    if inputs[site] == nil {
      inputs[site] = Matrix(rows: input.rows, columns: input.columns, values: input.values)
    }
  }

  func observe(module: String, output: Matrix) {}
}
