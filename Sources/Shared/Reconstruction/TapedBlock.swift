import Gradients
import Kernels
import Layers
import Models
import Tensors

/// A block of a transformer with parameters of its own, whose operations are recorded.
package struct TapedBlock {
  package let block: any TransformerBlock
  package let parameters: TapedParameters

  /// Copies the parameters of `block`.
  ///
  /// - Throws: `Failure` naming a layer whose weight is packed.
  package init(_ block: any TransformerBlock, options: TapedOptions = TapedOptions()) throws {
    self.block = block
    parameters = try TapedParameters(
      linears: block.linears, tables: block.tables, options: options)
  }

  /// The block's output.
  ///
  /// - Parameters:
  ///   - x: [samples * tokens][D].
  ///   - conditioning: [samples][columns].
  ///   - text: [samples * text tokens][channels].
  ///   - textBias: [samples][text tokens], added to the scaled logits; nil for nothing.
  ///   - positions: of the tokens, if the model turns queries and keys by them.
  ///   - skip: [samples * tokens][D], where the block reads an earlier one's output.
  ///   - tape: records the operations.
  /// - Returns: [samples * tokens][D].
  package func callAsFunction(
    _ x: Variable, conditioning: Variable, text: Variable, textBias: Matrix?,
    positions: RotaryEmbedding? = nil, skip: Variable? = nil, on tape: Tape
  ) -> Variable {
    let operations = TapedOperations(tape, parameters, samples: conditioning.value.rows)
    let own = block.readText(text, valid: nil, bias: textBias, on: operations)
    return block(
      x,
      BlockContext(conditioning: conditioning, text: own, positions: positions, skip: skip),
      on: operations)
  }
}
