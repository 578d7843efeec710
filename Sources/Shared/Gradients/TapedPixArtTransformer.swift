import Models
import Tensors

/// `PixArtTransformer` from its first block to its output on variables, so that a whole model can be differentiated.
///
/// What comes before the blocks (patches, timestep, caption) enters as variables; `PixArtTransformer.blockInputs` and `projectText` compute it.
package struct TapedPixArtTransformer {
  package let blocks: [TapedPixArtBlock]
  /// [2][D]: shift and scale of the final norm.
  package let finalTable: Variable
  package let projectOut: TapedLinear

  /// Copies the parameters of `model`.
  ///
  /// - Throws: `Failure` naming a layer whose weight is packed.
  package init(_ model: PixArtTransformer, options: TapedOptions) throws {
    blocks = try model.blocks.map { try TapedPixArtBlock($0, options: options) }
    finalTable = Variable(
      Matrix(rows: 2, columns: model.config.width, values: model.finalTable),
      wantsGradient: options.wantsGradient("scale_shift_table"))
    projectOut = try TapedLinear(model.projectOut, options: options)
  }

  /// All parameters under their names in the file.
  package var parameters: [(name: String, variable: Variable)] {
    blocks.flatMap(\.parameters) + [("scale_shift_table", finalTable)] + projectOut.parameters
  }

  /// The rows of the model's output; `Tape.unpatchify` makes latents of them.
  ///
  /// - Parameters:
  ///   - x: [batch * tokens][D], the patches with their positions.
  ///   - modulation: [batch][6][D], what the timestep adds to the blocks' tables.
  ///   - embedded: [batch][D], what it adds to the final table.
  ///   - text: the prompts, one a sample.
  ///   - recomputes: keeps the outputs of the blocks only and runs each block again in the backward pass; about
  ///     twenty matrices of x's size a block less, the same gradients.
  ///   - tape: records the operations.
  /// - Returns: [batch * tokens][patch][patch][out channels].
  package func callAsFunction(
    _ x: Variable, modulation: Variable, embedded: Variable, text: TapedText,
    recomputes: Bool = false, on tape: Tape
  ) -> Variable {
    let hidden = blocks.reduce(x) { x, block in
      let run = { block($0, modulation: modulation, text: text, on: $1) }
      return recomputes ? tape.recompute(x, run) : run(x, tape)
    }
    let shift = tape.modulation(
      table: finalTable, row: 0, vectors: embedded, part: 0, addsOne: false)
    let scale = tape.modulation(
      table: finalTable, row: 1, vectors: embedded, part: 0, addsOne: true)
    let normalized = tape.layerNorm(
      hidden, scale: scale, shift: shift, epsilon: PixArtTransformer.finalEpsilon)
    return projectOut(normalized, on: tape)
  }
}
