import CKernels
import Kernels
import Tensors

/// A layer norm without weights of its own, then a scale and a shift per sample and channel: adaptive layer norm.
package struct Modulation {
  /// Vectors [batch][D], each `stride` floats after the one before: shift, 1 + scale.
  let shift: UnsafePointer<Float>
  let scale: UnsafePointer<Float>
  let stride: Int
  let epsilon: Float

  /// The vectors are not copied: they must outlive the calls.
  package init(
    shift: UnsafePointer<Float>, scale: UnsafePointer<Float>, stride: Int, epsilon: Float
  ) {
    (self.shift, self.scale, self.stride, self.epsilon) = (shift, scale, stride, epsilon)
  }

  /// y = (LN(x) * scale + shift) of `rows` of one sample.
  func normalize(_ x: Matrix, into y: Matrix, rows: Range<Int>, sample: Int) {
    fpq_layer_norm(
      rows.count, x.columns, epsilon, scale + sample * stride, shift + sample * stride,
      x.row(rows.lowerBound), y.row(rows.lowerBound))
  }

  /// As `normalize` for all rows of x [batch * tokens][D].
  package func callAsFunction(_ x: Matrix, batch: Int) -> Matrix {
    let y = Matrix(rows: x.rows, columns: x.columns)
    RowChunks(of: x, batch: batch).forEach { sample, rows in
      normalize(x, into: y, rows: rows, sample: sample)
    }
    return y
  }
}
