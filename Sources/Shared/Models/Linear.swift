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

/// Makes the linear layer called `name`: from float weights, or from packed ones under the same name.
package typealias LinearFactory = (_ name: String, _ inputs: Int, _ outputs: Int) throws -> Linear

extension Linear {
  /// The products of layers that read the same input `x` [tokens][inputs], in the order of `layers`.
  ///
  /// - Parameters:
  ///   - layers: layers of equal `inputs`.
  ///   - x: [tokens][inputs].
  ///   - site: the shared input's name for the observer.
  ///   - valid: which rows of `x` are no padding; nil when all count.
  ///   - observer: sees `x` before it is multiplied.
  /// - Returns: [tokens][outputs] a layer.
  package static func project(
    _ layers: [Linear], _ x: Matrix, site: String, valid: [Bool]? = nil,
    observer: (any LayerObserver)?
  ) -> [Matrix] {
    observer?.observe(site: site, layers: layers.map(\.name), input: x, valid: valid)
    return layers.map { $0(x) }
  }

  /// The product for x [tokens][inputs], shown to `observer` first under the layer's own name.
  package func callAsFunction(
    _ x: Matrix, valid: [Bool]? = nil, observer: (any LayerObserver)?
  ) -> Matrix {
    observer?.observe(site: name, layers: [name], input: x, valid: valid)
    return self(x)
  }
}
