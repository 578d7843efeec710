import Kernels
import Platform
import Tensors

/// A linear layer `y = x W^T + b` under the name its parameters have in the file (`transformer_blocks.0.attn1.to_q`).
package final class Linear: Sendable {
  package let name: String
  package let inputs: Int
  package let outputs: Int
  package let weight: DenseMatrix
  package let bias: [Float]?

  /// Reads `<name>.weight` [outputs][inputs] and, unless `hasBias` is false, `<name>.bias` [outputs].
  ///
  /// - Throws: `Failure` naming the file and the tensor for one that is missing or has another shape.
  package init(
    _ name: String, inputs: Int, outputs: Int, hasBias: Bool = true, from source: any TensorSource
  ) throws {
    self.name = name
    self.inputs = inputs
    self.outputs = outputs
    weight = try DenseMatrix(source.tensor("\(name).weight", shape: [outputs, inputs]))
    bias = hasBias ? try source.tensor("\(name).bias", shape: [outputs]).floats() : nil
  }

  /// The product for x [tokens][inputs]: [tokens][outputs].
  package func callAsFunction(_ x: Matrix) -> Matrix { weight.multiply(x, bias: bias) }
}
