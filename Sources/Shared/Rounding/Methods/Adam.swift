import CKernels
import Foundation
import Tensors

/// The moments of Adam (arXiv 1412.6980; betas .9 and .999, eps 1e-8) for an array of variables.
package final class Adam {
  private let first: Matrix
  private let second: Matrix
  private var steps = 0

  package init(count: Int) {
    first = Matrix(rows: 1, columns: count, zeroed: true)
    second = Matrix(rows: 1, columns: count, zeroed: true)
  }

  /// Moves `variable` by one step at `rate` against `gradient`, both of the array's length.
  package func step(
    _ variable: UnsafeMutablePointer<Float>, _ gradient: UnsafePointer<Float>, rate: Float
  ) {
    steps += 1
    fpq_adam(
      first.count, rate, Float(1 - pow(0.9, Double(steps))), Float(1 - pow(0.999, Double(steps))),
      gradient, variable, first.pointer, second.pointer)
  }
}
