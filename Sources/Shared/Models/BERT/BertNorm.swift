import Kernels
import Tensors

/// A layer norm with a weight and a bias per channel.
struct BertNorm {
  /// [1][width] each.
  private let weight: Matrix
  private let bias: Matrix
  private let epsilon: Float

  /// Reads `<name>.weight` and `<name>.bias`, [width] each.
  init(_ name: String, width: Int, epsilon: Float, from source: any TensorSource) throws {
    func vector(_ part: String) throws -> Matrix {
      let values = try source.tensor("\(name).\(part)", shape: [width]).floats()
      return Matrix(rows: 1, columns: width, values: values)
    }
    weight = try vector("weight")
    bias = try vector("bias")
    self.epsilon = epsilon
  }

  /// (x - mean) / sqrt(variance + epsilon) * weight + bias of each row of x [rows][width].
  func callAsFunction(_ x: Matrix) -> Matrix {
    adaptiveNorm(x, scale: weight, shift: bias, epsilon: epsilon)
  }
}
