import Layers
import Streams
import Tensors

/// One of PixArt's transformer blocks: diffusers' `BasicTransformerBlock` with norm type
/// `ada_norm_single`.
package struct PixArtBlock: TransformerBlock {
  package let name: String
  /// The block's own part [6][D] of shift, scale and gate of self-attention, then of the
  /// feed-forward network.
  private let table: ParameterTable
  private let selfAttention: BlockAttention
  private let crossAttention: BlockAttention
  private let feedForward1: Linear
  private let feedForward2: Linear
  private let normEpsilon: Float

  /// Views the weights of block `index`.
  package init(index: Int, config: PixArtConfig, parts: TransformerParts) throws {
    let (width, name) = (config.width, PixArtBlock.name(index))
    self.name = name
    normEpsilon = config.normEpsilon
    table = try ParameterTable(
      "\(name).scale_shift_table", rows: 6, columns: width, from: parts.weights)
    var shape = BlockAttention.Shape(heads: config.heads, headSize: config.headSize)
    selfAttention = try BlockAttention("\(name).attn1", block: name, shape, parts: parts)
    shape.text = .init(width: width, site: "\(PixArtBlock.name(0)).attn2.kv")
    crossAttention = try BlockAttention("\(name).attn2", block: name, shape, parts: parts)
    feedForward1 = try parts.makeLinear(
      LayerRole("\(name).ff.net.0.proj", kind: .feedForwardInput, block: name), width, 4 * width)
    feedForward2 = try parts.makeLinear(
      LayerRole("\(name).ff.net.2", kind: .feedForwardOutput, block: name, readsGELU: true),
      4 * width, width)
  }

  private static func name(_ index: Int) -> String { "transformer_blocks.\(index)" }

  /// In the order of the file.
  package var linears: [Linear] {
    selfAttention.linears + crossAttention.linears + [feedForward1, feedForward2]
  }

  package var tables: [ParameterTable] { [table] }

  package func readText<O: Operations>(
    _ states: O.Value, valid: [Bool]?, bias: Matrix?, on operations: O
  ) -> BlockText<O.Value> {
    crossAttention.readText(states, valid: valid, bias: bias, on: operations)
  }

  /// `context.conditioning` is [samples][6][D], what the timestep adds to the block's table.
  package func callAsFunction<O: Operations>(
    _ x: O.Value, _ context: BlockContext<O.Value>, on operations: O
  ) -> O.Value {
    func vector(_ row: Int, addsOne: Bool = false) -> O.Value {
      operations.vector(
        table, row: row, plus: context.conditioning, part: row, addsOne: addsOne)
    }
    func normalized(_ x: O.Value, shift: Int, scale: Int) -> ProjectionInput<O.Value> {
      .normalized(
        x, scale: vector(scale, addsOne: true), shift: vector(shift), epsilon: normEpsilon)
    }
    var x = selfAttention.add(
      to: x, normalized(x, shift: 0, scale: 1), gate: vector(2), on: operations)
    x = crossAttention.add(to: x, .value(x), text: context.text, on: operations)
    let hidden = operations.project(
      [feedForward1], normalized(x, shift: 3, scale: 4), valid: nil)[0]
    x = operations.add(
      to: x, feedForward2, .gelu(hidden), gate: vector(5), module: "\(name).ff")
    operations.show(name, x)
    return x
  }
}
