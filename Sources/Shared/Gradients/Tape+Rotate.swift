import Kernels
import Tensors

extension Tape {
  /// y = R x, R the turn of each pair of channels by its token's angles.
  ///
  /// dx = R^T dy, the turn backwards.
  ///
  /// - Parameters:
  ///   - x: [samples * tokens][heads * head size].
  ///   - positions: of the tokens.
  /// - Returns: [samples * tokens][heads * head size].
  package func rotate(_ x: Variable, by positions: RotaryEmbedding) -> Variable {
    let (y, dx) = (x.value.copy(), x.gradient)
    positions.apply(to: y)
    return record(y, from: [dx]) { dy in
      positions.inverse.apply(to: dy)
      dx?.add(dy)
    }
  }
}
