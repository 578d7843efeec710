import Kernels
import Tensors

/// A layer norm with a scale and a shift per channel: PyTorch's `LayerNorm`.
package struct LayerNorm: Sendable {
  /// One row [D] each: `<name>.weight` and `<name>.bias`.
  package let scale: ParameterTable
  package let shift: ParameterTable
  package let epsilon: Float

  /// Reads `<name>.weight` and `<name>.bias`, [width] each.
  ///
  /// - Throws: `Failure` when one is missing or has another shape.
  package init(_ name: String, width: Int, epsilon: Float, from source: any TensorSource) throws {
    scale = try ParameterTable("\(name).weight", columns: width, from: source)
    shift = try ParameterTable("\(name).bias", columns: width, from: source)
    self.epsilon = epsilon
  }

  package var tables: [ParameterTable] { [scale, shift] }

  /// The norm of each row of x [rows][D], at once.
  package func callAsFunction(_ x: Matrix) -> Matrix {
    adaptiveNorm(x, scale: scale.values, shift: shift.values, epsilon: epsilon)
  }

  /// The norm of x [samples * tokens][D] on its way into projections.
  ///
  /// - Parameters:
  ///   - x: what is normalized.
  ///   - vectors: [samples][D], added to the shift; nil for none.
  ///   - operations: that compute or record it.
  /// - Returns: [samples * tokens][D], to be projected.
  package func callAsFunction<O: Operations>(
    _ x: O.Value, plus vectors: O.Value? = nil, on operations: O
  ) -> ProjectionInput<O.Value> {
    .normalized(
      x, scale: operations.vector(scale, row: 0, plus: nil, part: 0, addsOne: false),
      shift: operations.vector(shift, row: 0, plus: vectors, part: 0, addsOne: false),
      epsilon: epsilon)
  }
}
