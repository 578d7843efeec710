import Gradients
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
  ///   - text: [samples * text tokens][D].
  ///   - textBias: [samples][text tokens], added to the scaled logits.
  ///   - tape: records the operations.
  /// - Returns: [samples * tokens][D].
  package func callAsFunction(
    _ x: Variable, conditioning: Variable, text: Variable, textBias: Matrix, on tape: Tape
  ) -> Variable {
    let operations = TapedOperations(tape, parameters, samples: conditioning.value.rows)
    return block(
      x, conditioning: conditioning,
      text: block.readText(text, valid: nil, bias: textBias, on: operations), on: operations)
  }
}
