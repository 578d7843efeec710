import Formats
import Kernels
import Platform
import Streams
import Tensors

/// A linear layer `y = x W^T + b` under the name its parameters have in the file
/// (`transformer_blocks.0.attn1.to_q`).
package final class Linear: Sendable {
  package enum Weight: Sendable {
    /// Float, in its stored type; the input is rounded to the given format first, or not (nil).
    case dense(DenseMatrix, ActivationFormat?)
    /// Low-bit, for an input prepared in the given way.
    case packed(PackedWeight, QuantizedTokens.Preparation)
  }

  /// Channels that share a scale where a float layer's input is rounded with the granularity
  /// `token-group`.
  package static let floatGroupSize = 64

  package let role: LayerRole
  package let inputs: Int
  package let outputs: Int
  package let weight: Weight
  package let bias: [Float]?

  package var name: String { role.name }

  /// What a product reads of the weight.
  package var tensors: [Tensor] {
    switch weight {
    case .dense(let matrix, _): [matrix.tensor]
    case .packed(let weight, _): weight.tensors
    }
  }

  /// Reads `<name>.weight` [outputs][inputs] and, unless `hasBias` is false, `<name>.bias`
  /// [outputs].
  ///
  /// The weight may have further dimensions of `inputs` elements together: a convolution that does
  /// not overlap is a linear layer over its flattened kernel. With `activations` the input is
  /// rounded to that format on the way (W16Ax, to see what activations alone cost).
  ///
  /// - Throws: `Failure` naming the file and the tensor for one that is missing or has another
  ///   shape.
  package init(
    _ role: LayerRole, inputs: Int, outputs: Int, hasBias: Bool = true,
    activations: ActivationFormat? = nil, from source: any TensorSource
  ) throws {
    self.role = role
    self.inputs = inputs
    self.outputs = outputs
    let tensor = try source.tensor("\(role.name).weight")
    guard tensor.shape.count >= 2, tensor.shape[0] == outputs, tensor.count == outputs * inputs
    else {
      throw Failure(tensor.place, "expected shape \([outputs, inputs]), found \(tensor.shape)")
    }
    weight = .dense(try DenseMatrix(tensor), activations)
    bias = hasBias ? try source.tensor("\(role.name).bias", shape: [outputs]).floats() : nil
  }

  /// A layer of packed weights; `bias` [outputs].
  package init(
    _ role: LayerRole, packed: PackedWeight, preparation: QuantizedTokens.Preparation,
    bias: [Float]?
  ) {
    self.role = role
    inputs = packed.inputs
    outputs = packed.outputs
    weight = .packed(packed, preparation)
    self.bias = bias
  }

  /// A copy of the weight in f32, [outputs][inputs].
  ///
  /// - Throws: `Failure` naming the layer when it is packed.
  package func floatWeight() throws -> Matrix {
    guard case .dense(let stored, _) = weight else {
      throw Failure(name, "expected a float weight, found a packed one")
    }
    let matrix = Matrix(rows: outputs, columns: inputs)
    Parallel.chunks(of: outputs, size: 64) { rows in
      stored.copyRows(rows, to: matrix.block(rows: rows))
    }
    return matrix
  }

  /// Writes row `output` of the weight, in f32, to `block` [1][inputs]: of a layer that is a table in
  /// which rows are looked up, and whose packed weight knows no transform and no branch.
  package func copyRow(_ output: Int, to block: MatrixBlock<Matrix>) {
    switch weight {
    case .dense(let matrix, _): matrix.copyRows(output..<(output + 1), to: block)
    case .packed(let weight, let preparation):
      precondition(preparation.transform == nil, "\(name): a table with transformed inputs")
      weight.copyRow(output, to: block)
    }
  }

  /// The product for x [rows][inputs]: [rows][outputs].
  package func callAsFunction(_ x: Matrix) -> Matrix { Linear.products([self], x)[0] }

  /// The products of layers that read the same `x` [rows][inputs], in their order; an input that
  /// several prepare alike is prepared once.
  package static func products(_ layers: [Linear], _ x: Matrix) -> [Matrix] {
    var made: [QuantizedTokens] = []
    func tokens(_ preparation: QuantizedTokens.Preparation) -> QuantizedTokens {
      if let earlier = made.first(where: { $0.preparation == preparation }) { return earlier }
      made.append(QuantizedTokens(x, preparation))
      return made[made.count - 1]
    }
    return layers.map { layer in
      switch layer.weight {
      case .dense(let matrix, let format):
        let rounded = format.map {
          $0.rounded(x, groupSize: floatGroupSize, parts: layer.role.parts)
        }
        return matrix.multiply(rounded ?? x, bias: layer.bias)
      case .packed(let weight, let preparation):
        return weight.multiply(
          tokens(preparation), unrounded: { tokens(preparation.unrounded) }, bias: layer.bias)
      }
    }
  }
}

/// Makes the linear layer of `role`: from float weights, or from packed ones under the same name.
package typealias LinearFactory = (_ role: LayerRole, _ inputs: Int, _ outputs: Int) throws ->
  Linear
