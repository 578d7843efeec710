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
    return record(input.gelu(), from: [dx]) { dy in
      dy.applyGELUGradient(at: input)
      dx?.add(dy)
    }
  }
}
