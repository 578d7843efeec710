import CKernels
import Kernels
import Tensors

extension Tape {
  /// y = x sigmoid(2u), u = sqrt(2/pi) (x + .044715 x^3): GELU in its tanh form.
  ///
  /// With s = sigmoid(2u): dx = dy (s + 2 x s (1 - s) u'), u' = sqrt(2/pi) (1 + 3 * .044715 x^2).
  ///
  /// - Parameter x: [rows][columns].
  /// - Returns: [rows][columns].
  package func gelu(_ x: Variable) -> Variable {
    let (input, dx) = (x.value, x.gradient)
    let y = Matrix(rows: input.rows, columns: input.columns)
    RowChunks(of: y).forEach { _, rows in
      let first = rows.lowerBound
      fpq_gelu_tanh(rows.count * y.columns, input.row(first), y.row(first))
    }
    return record(y, from: [dx]) { dy in
      RowChunks(of: dy).forEach { _, rows in
        let first = dy.row(rows.lowerBound)
        fpq_gelu_tanh_gradient(
          rows.count * dy.columns, input.row(rows.lowerBound), first, first)
      }
      dx?.add(dy)
    }
  }
}
