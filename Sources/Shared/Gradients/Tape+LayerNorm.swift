import CKernels
import Kernels
import Layers
import Tensors

extension Tape {
  /// Adaptive layer norm, y = n * scale + shift with n = (x - mean) / sqrt(variance + epsilon) of each row.
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
    let (batch, width) = (scale.value.rows, x.value.columns)
    let y = adaptiveNorm(
      x.value, scale: scale.value, shift: shift.value, epsilon: epsilon)
    let (dx, dscale, dshift) = (x.gradient, scale.gradient, shift.gradient)
    let (input, factor) = (x.value, scale.value)
    return record(y, from: [dx, dscale, dshift]) { dy in
      let part = Matrix(rows: dy.rows, columns: width)
      func differentiate(_ sample: Int, _ rows: Range<Int>, _ sums: UnsafeMutablePointer<Double>?) {
        let first = rows.lowerBound
        fpq_layer_norm_gradient(
          rows.count, width, epsilon, factor.row(sample), input.row(first), dy.row(first),
          part.row(first), sums, sums.map { $0 + width })
      }
      if dscale != nil || dshift != nil {
        let sums = columnSums(2, of: dy, batch: batch, differentiate)
        dscale?.add(sums[0])
        dshift?.add(sums[1])
      } else {
        RowChunks(of: dy, batch: batch).forEach { differentiate($0, $1, nil) }
      }
      dx?.add(part)
    }
  }
}
