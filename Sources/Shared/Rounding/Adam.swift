import Kernels
import Tensors

/// The moments of Adam (arXiv 1412.6980; betas .9 and .999, eps 1e-8) for an array of variables.
final class Adam {
  private let first: Matrix
  private let second: Matrix
  private var steps = 0

  init(count: Int) {
    first = Matrix(rows: 1, columns: count, zeroed: true)
    second = Matrix(rows: 1, columns: count, zeroed: true)
  }

  /// Moves `variable` by one step at `rate` against `gradient`, whole rows of a matrix, both of the
  /// array's length.
  func step(_ variable: Matrix, _ gradient: MatrixBlock<Matrix>, rate: Float) {
    steps += 1
    adamStep(variable, gradient: gradient, moments: (first, second), rate: rate, step: steps)
  }
}
