import CKernels
import Tensors

/// A layer norm without weights of its own, then a scale and a shift per sample and channel:
/// adaptive layer norm.
///
/// - Parameters:
///   - x: [samples * tokens][D].
///   - scale: [samples][D], the 1 of adaptive norms included.
///   - shift: [samples][D].
///   - epsilon: added to the variance.
/// - Returns: (x - mean) / sqrt(variance + epsilon) of each row, times scale, plus shift, [samples
///   * tokens][D].
package func adaptiveNorm(_ x: Matrix, scale: Matrix, shift: Matrix, epsilon: Float) -> Matrix {
  precondition(
    scale.hasShape(of: shift) && scale.columns == x.columns && scale.rows > 0
      && x.rows % scale.rows == 0,
    "vectors \(scale.rows)x\(scale.columns) for \(x.rows)x\(x.columns)")
  let y = Matrix(rows: x.rows, columns: x.columns)
  RowChunks(of: x, batch: scale.rows).forEach { sample, rows in
    fpq_layer_norm(
      rows.count, x.columns, epsilon, scale.row(sample), shift.row(sample),
      x.row(rows.lowerBound), y.row(rows.lowerBound))
  }
  return y
}

/// The gradients of `adaptiveNorm` from dy [samples * tokens][D], the gradient by its result; the
/// other parameters are its own.
///
/// With n = (x - mean) / sqrt(variance + epsilon) and g = dy * scale: dx = (g - mean(g) - n *
/// mean(g * n)) / sqrt(variance + epsilon); dscale = the sum of dy * n over the rows of the sample,
/// dshift = the sum of dy, both in f64.
///
/// - Returns: dx [samples * tokens][D]; dscale and dshift [samples][D], nil unless `wantsVectors`.
package func adaptiveNormGradients(
  _ x: Matrix, scale: Matrix, epsilon: Float, dy: Matrix, wantsVectors: Bool
) -> (x: Matrix, vectors: (scale: Matrix, shift: Matrix)?) {
  precondition(dy.hasShape(of: x), "a gradient of another shape")
  let (width, samples) = (x.columns, scale.rows)
  let dx = Matrix(rows: x.rows, columns: width)
  func differentiate(_ sample: Int, _ rows: Range<Int>, _ sums: UnsafeMutablePointer<Double>?) {
    let first = rows.lowerBound
    fpq_layer_norm_gradient(
      rows.count, width, epsilon, scale.row(sample), x.row(first), dy.row(first), dx.row(first),
      sums, sums.map { $0 + width })
  }
  guard wantsVectors else {
    RowChunks(of: dy, batch: samples).forEach { differentiate($0, $1, nil) }
    return (dx, nil)
  }
  let sums = columnSums(2, of: dy, batch: samples, differentiate)
  return (dx, (sums[0], sums[1]))
}

/// RMSNorm of every row of x [rows][columns]: x / sqrt(mean(x^2) + epsilon) * weight.
///
/// - Parameters:
///   - x: [rows][columns].
///   - weight: [columns].
///   - epsilon: added to the mean square.
/// - Returns: [rows][columns].
package func rmsNorm(_ x: Matrix, weight: [Float], epsilon: Float) -> Matrix {
  precondition(weight.count == x.columns, "\(weight.count) weights for \(x.columns) columns")
  let y = Matrix(rows: x.rows, columns: x.columns)
  RowChunks(of: x).forEach { _, rows in
    fpq_rms_norm(
      rows.count, x.columns, epsilon, weight, x.row(rows.lowerBound), y.row(rows.lowerBound))
  }
  return y
}
