import CKernels
import Platform
import Tensors

/// y[t][n] = sum over k of x[t][k] weight[n][k] + bias[n]: a linear layer on a float weight in
/// memory.
///
/// - Parameters:
///   - x: [tokens][inputs].
///   - weight: [outputs][inputs].
///   - bias: [outputs], or nil.
/// - Returns: [tokens][outputs], the same bits as `DenseMatrix.multiply` of the same values.
package func project(_ x: Matrix, weight: Matrix, bias: [Float]?) -> Matrix {
  precondition(
    x.columns == weight.columns, "input of \(x.columns), weight of \(weight.columns)")
  return project(x, outputs: weight.rows, bias: bias) { rows, body in
    body(weight.row(rows.lowerBound))
  }
}

/// As above; `withRows` lends the f32 rows of the weight [outputs][x.columns] that a tile reads.
///
/// Tiles depend on the shape alone, so the result does not depend on the number of threads.
func project(
  _ x: Matrix, outputs: Int, bias: UnsafePointer<Float>?,
  withRows: (_ rows: Range<Int>, _ body: (UnsafePointer<Float>) -> Void) -> Void
) -> Matrix {
  let (y, inputs) = (Matrix(rows: x.rows, columns: outputs), x.columns)
  let block = outputs >= 1024 ? 128 : 64
  Parallel.chunks(of: outputs, size: block) { range in
    withRows(range) { weight in
      for start in stride(from: 0, to: x.rows, by: 256) {
        multiply(
          transposeB: true, rows: min(256, x.rows - start), columns: range.count, depth: inputs,
          x.row(start), inputs, weight, inputs, add: false, y.row(start) + range.lowerBound,
          outputs)
      }
    }
    guard let bias else { return }
    for row in 0..<x.rows {
      fpq_add_bias(1, range.count, bias + range.lowerBound, y.row(row) + range.lowerBound)
    }
  }
  return y
}
