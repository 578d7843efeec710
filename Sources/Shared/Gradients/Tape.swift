import Tensors

/// The operations of a computation in their order, each with how a gradient flows back through it.
///
/// Operations are methods that compute their result at once, with the kernels of inference, and
/// record a closure that turns the gradient by the result into parts of the gradients by the
/// operands. A closure keeps only the matrices it needs, and only of operands whose gradients are
/// wanted. Passes run on all threads over fixed pieces with sums in a fixed order, so values and
/// gradients have the same bytes for any number of threads.
///
/// A tape is used from one thread, once: `backward` consumes it.
package final class Tape {
  private var steps: [(output: Gradient, backward: (Matrix) -> Void)] = []

  package init() {}

  /// Records an operation; other layers may add their own.
  ///
  /// - Parameters:
  ///   - value: the result.
  ///   - operands: what it was made of.
  ///   - backward: adds to the operands' gradients. It is given the gradient by the result, which
  ///     it may change or hand on as its own.
  /// - Returns: the result as a variable; it wants a gradient if any of the operands does.
  package func record(
    _ value: Matrix, from operands: [Gradient?], backward: @escaping (Matrix) -> Void
  ) -> Variable {
    let result = Variable(value, wantsGradient: operands.contains { $0 != nil })
    if let output = result.gradient { steps.append((output, backward)) }
    return result
  }

  /// Adds the gradients of a loss to all variables that want theirs and that `output` was made of.
  ///
  /// Parameters keep the sum over all tapes until they are told to `take` it; results of operations
  /// on the tape lose theirs on the way.
  ///
  /// - Parameters:
  ///   - output: what the loss is computed from.
  ///   - gradient: of the loss by `output`, of its shape; copied.
  package func backward(from output: Variable, gradient: Matrix) {
    let seed = Matrix(rows: gradient.rows, columns: gradient.columns)
    seed.pointer.update(from: gradient.pointer, count: gradient.count)
    output.gradient?.add(seed)
    while let step = steps.popLast() {
      if let gradient = step.output.take() { step.backward(gradient) }
    }
  }
}
