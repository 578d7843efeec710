import Layers
import Streams
import Tensors

/// One of Hunyuan-DiT's transformer blocks: diffusers' `HunyuanDiTBlock`.
package struct HunyuanBlock: TransformerBlock {
  package let name: String
  package let skipSource: String?
  /// Of [hidden states | those of the earlier block], where it reads one.
  private let skip: (norm: LayerNorm, linear: Linear)?
  private let norm1: LayerNorm
  /// Makes what the conditioning adds to the shift of `norm1`; no scale, no gate.
  private let shift: Linear
  private let selfAttention: BlockAttention
  private let norm2: LayerNorm
  private let crossAttention: BlockAttention
  private let norm3: LayerNorm
  private let feedForward1: Linear
  private let feedForward2: Linear

  /// Views the weights of block `index`.
  package init(index: Int, config: HunyuanConfig, parts: TransformerParts) throws {
    let (width, name) = (config.width, HunyuanBlock.name(index))
    self.name = name
    func norm(_ part: String, _ width: Int) throws -> LayerNorm {
      try LayerNorm(
        "\(name).\(part)", width: width, epsilon: HunyuanConfig.normEpsilon, from: parts.weights)
    }
    // The second half but its first block, from the inside out.
    if index > config.layers / 2 {
      skipSource = HunyuanBlock.name(config.layers - 1 - index)
      skip = (
        try norm("skip_norm", 2 * width),
        try parts.makeLinear(
          LayerRole("\(name).skip_linear", kind: .skip, block: name, parts: 2), 2 * width, width)
      )
    } else {
      (skipSource, skip) = (nil, nil)
    }
    norm1 = try norm("norm1.norm", width)
    shift = try parts.makeLinear(
      LayerRole(
        "\(name).norm1.linear", statistics: HunyuanBlock.conditioningSite, kind: .conditioning,
        block: name, rows: .samples), width, width)
    var shape = BlockAttention.Shape(heads: config.heads, headSize: config.headSize)
    shape.normEpsilon = HunyuanConfig.normEpsilon
    selfAttention = try BlockAttention("\(name).attn1", block: name, shape, parts: parts)
    norm2 = try norm("norm2", width)
    shape.text = .init(width: config.textWidth, site: "\(HunyuanBlock.name(0)).attn2.kv")
    crossAttention = try BlockAttention("\(name).attn2", block: name, shape, parts: parts)
    norm3 = try norm("norm3", width)
    feedForward1 = try parts.makeLinear(
      LayerRole("\(name).ff.net.0.proj", kind: .feedForwardInput, block: name), width,
      config.feedForwardWidth)
    feedForward2 = try parts.makeLinear(
      LayerRole("\(name).ff.net.2", kind: .feedForwardOutput, block: name, readsGELU: true),
      config.feedForwardWidth, width)
  }

  /// The first site that reads the conditioning, which is the same for all blocks.
  static let conditioningSite = "\(name(0)).norm1.linear"

  private static func name(_ index: Int) -> String { "blocks.\(index)" }

  package var linears: [Linear] {
    (skip.map { [$0.linear] } ?? []) + [shift] + selfAttention.linears + crossAttention.linears
      + [feedForward1, feedForward2]
  }

  package var tables: [ParameterTable] {
    (skip?.norm.tables ?? []) + norm1.tables + selfAttention.tables + norm2.tables
      + crossAttention.tables + norm3.tables
  }

  package func readText<O: Operations>(
    _ states: O.Value, valid: [Bool]?, bias: Matrix?, on operations: O
  ) -> BlockText<O.Value> {
    crossAttention.readText(states, valid: valid, bias: bias, on: operations)
  }

  /// `context.conditioning` is [samples][D]; positions turn the queries of both attentions, and the
  /// keys of its own tokens.
  package func callAsFunction<O: Operations>(
    _ x: O.Value, _ context: BlockContext<O.Value>, on operations: O
  ) -> O.Value {
    var x = x
    if let skip {
      guard let earlier = context.skip else {
        preconditionFailure("\(name) without \(skipSource ?? "")")
      }
      let both = operations.concatenate(x, earlier)
      x = operations.project([skip.linear], skip.norm(both, on: operations), valid: nil)[0]
      operations.show("\(name).skip_linear", x)
    }
    let vectors = operations.project([shift], .value(context.conditioning), valid: nil)[0]
    x = selfAttention.add(
      to: x, norm1(x, plus: vectors, on: operations), positions: context.positions, on: operations)
    x = crossAttention.add(
      to: x, norm2(x, on: operations), text: context.text, positions: context.positions,
      on: operations)
    let hidden = operations.project([feedForward1], norm3(x, on: operations), valid: nil)[0]
    x = operations.add(to: x, feedForward2, .gelu(hidden), gate: nil, module: "\(name).ff")
    operations.show(name, x)
    return x
  }
}
