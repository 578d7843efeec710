import Models
import Tensors

/// `PixArtBlock` on variables: the same operations in the same order, recorded.
package struct TapedPixArtBlock {
  package let name: String
  /// [6][D]: shift, scale and gate of self-attention, then of the feed-forward network.
  package let table: Variable
  package let selfAttention: TapedPixArtAttention
  package let crossAttention: TapedPixArtAttention
  package let feedForward1: TapedLinear
  package let feedForward2: TapedLinear
  private let epsilon: Float

  /// Copies the parameters of `block`.
  ///
  /// - Throws: `Failure` naming a layer whose weight is packed.
  package init(_ block: PixArtBlock, options: TapedOptions) throws {
    name = block.name
    table = Variable(
      Matrix(rows: 6, columns: block.config.width, values: block.table),
      wantsGradient: options.wantsGradient("\(block.name).scale_shift_table"))
    selfAttention = try TapedPixArtAttention(block.selfAttention, options: options)
    crossAttention = try TapedPixArtAttention(block.crossAttention, options: options)
    feedForward1 = try TapedLinear(block.feedForward1, options: options)
    feedForward2 = try TapedLinear(block.feedForward2, options: options)
    epsilon = block.config.normEpsilon
  }

  /// The ten linear layers, in the order of the file.
  package var linears: [TapedLinear] {
    selfAttention.linears + crossAttention.linears + [feedForward1, feedForward2]
  }

  /// All parameters under their names in the file.
  package var parameters: [(name: String, variable: Variable)] {
    [("\(name).scale_shift_table", table)] + linears.flatMap(\.parameters)
  }

  /// The block's output [batch * tokens][D].
  ///
  /// - Parameters:
  ///   - x: [batch * tokens][D].
  ///   - modulation: [batch][6][D], what the timestep adds to the block's table.
  ///   - text: the prompts, one a sample.
  ///   - tape: records the operations.
  /// - Returns: [batch * tokens][D].
  package func callAsFunction(
    _ x: Variable, modulation: Variable, text: TapedText, on tape: Tape
  ) -> Variable {
    func vector(_ row: Int, addsOne: Bool = false) -> Variable {
      tape.modulation(
        table: table, row: row, vectors: modulation, part: row, addsOne: addsOne)
    }
    let normalized1 = tape.layerNorm(
      x, scale: vector(1, addsOne: true), shift: vector(0), epsilon: epsilon)
    let attended = selfAttention(normalized1, batch: modulation.value.rows, on: tape)
    let x1 = tape.residual(x, attended, gate: vector(2))

    let x2 = tape.residual(x1, crossAttention(x1, text: text, on: tape), gate: nil)

    let normalized2 = tape.layerNorm(
      x2, scale: vector(4, addsOne: true), shift: vector(3), epsilon: epsilon)
    let hidden = tape.gelu(feedForward1(normalized2, on: tape))
    return tape.residual(x2, feedForward2(hidden, on: tape), gate: vector(5))
  }
}
