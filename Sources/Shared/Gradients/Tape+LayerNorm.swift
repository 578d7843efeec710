import Kernels
import Tensors

extension Tape {
  /// Adaptive layer norm, y = n * scale + shift with n = (x - mean) / sqrt(variance + epsilon) of
  /// each row.
  ///
  /// With g = dy * scale: dx = (g - mean(g) - n * mean(g * n)) / sqrt(variance + epsilon);
  /// dscale = the sum of dy * n over the rows of the sample, dshift = the sum of dy.
  ///
  /// - Parameters:
  ///   - x: [batch * tokens][D].
  ///   - scale: [batch][D], the 1 of adaptive norms included.
  ///   - shift: [batch][D].
  ///   - epsilon: added to the variance.
  /// - Returns: [batch * tokens][D].
  package func layerNorm(
    _ x: Variable, scale: Variable, shift: Variable, epsilon: Float
  ) -> Variable {
    let y = adaptiveNorm(
      x.value, scale: scale.value, shift: shift.value, epsilon: epsilon)
    let (dx, dscale, dshift) = (x.gradient, scale.gradient, shift.gradient)
    let (input, factor) = (x.value, scale.value)
    return record(y, from: [dx, dscale, dshift]) { dy in
      let parts = adaptiveNormGradients(
        input, scale: factor, epsilon: epsilon, dy: dy,
        wantsVectors: dscale != nil || dshift != nil)
      dx?.add(parts.x)
      if let vectors = parts.vectors {
        dscale?.add(vectors.scale)
        dshift?.add(vectors.shift)
      }
    }
  }
}
