import CKernels
import Foundation
import Tensors

/// One step of Adam (arXiv 1412.6980; betas .9 and .999, eps 1e-8) against a gradient, on the
/// calling thread.
///
/// - Parameters:
///   - variable: [rows][columns], moved.
///   - gradient: whole rows of a matrix, as many elements as the variable has.
///   - moments: the running means of the gradient and of its square, of the variable's shape; 0
///     before the first step.
///   - rate: how far.
///   - step: 1 for the first.
package func adamStep(
  _ variable: Matrix, gradient: MatrixBlock<Matrix>, moments: (first: Matrix, second: Matrix),
  rate: Float, step: Int
) {
  precondition(
    gradient.isContiguous && gradient.count == variable.count
      && moments.first.count == variable.count && moments.second.count == variable.count,
    "a variable of \(variable.count), a gradient of \(gradient.count)")
  withExtendedLifetime((variable, gradient, moments)) {
    fpq_adam(
      variable.count, rate, Float(1 - pow(0.9, Double(step))),
      Float(1 - pow(0.999, Double(step))), gradient.row(0), variable.pointer,
      moments.first.pointer, moments.second.pointer)
  }
}
