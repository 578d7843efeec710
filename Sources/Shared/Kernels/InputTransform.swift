import CKernels
import Tensors

/// What the input of a linear layer goes through before it is quantized, so that few bits fit it
/// better: x' = H ((x - center) / smooth).
///
/// The layer computes W x = W center + (W diag(smooth) H') x': the transform is folded into its
/// bias and its weights, and only x' is made at run time. H is orthonormal and its own inverse, a
/// Walsh-Hadamard transform of each block of channels. Smoothing: SmoothQuant (arXiv 2211.10438);
/// rotation: QuaRot (arXiv 2404.00456).
package struct InputTransform: Sendable, Equatable {
  /// [inputs], subtracted.
  package let center: [Float]?
  /// [inputs], positive, divided by.
  package let smooth: [Float]?
  /// Channels of a block of H, a power of two that divides the inputs; 1: no rotation.
  package let hadamard: Int
  /// [inputs]: (x - center) / smooth = x * factor + shift.
  private let factor: [Float]
  private let shift: [Float]

  /// A transform of inputs of `center`'s and `smooth`'s length; all nil and 1 is refused as no
  /// transform.
  package init(center: [Float]? = nil, smooth: [Float]? = nil, hadamard: Int = 1) {
    self.center = center
    self.smooth = smooth
    self.hadamard = hadamard
    let count = center?.count ?? smooth?.count ?? 0
    let factor = smooth.map { $0.map { 1 / $0 } } ?? Array(repeating: 1, count: count)
    self.factor = factor
    shift = center.map { zip($0, factor).map { -$0 * $1 } } ?? Array(repeating: 0, count: count)
  }

  /// Nothing is done to the input.
  package var isIdentity: Bool { center == nil && smooth == nil && hadamard == 1 }

  /// The transform of every row of x [rows][inputs], on all threads.
  ///
  /// - Returns: [rows][inputs].
  package func callAsFunction(_ x: Matrix) -> Matrix {
    let y = Matrix(rows: x.rows, columns: x.columns)
    RowChunks(of: x).forEach { _, rows in
      let first = rows.lowerBound
      apply(rows: rows.count, columns: x.columns, x.row(first), y.row(first))
    }
    return y
  }

  /// Writes the transform of `rows` rows of `columns` inputs at `x` to `y`.
  func apply(
    rows: Int, columns: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    if factor.isEmpty {
      y.update(from: x, count: rows * columns)
    } else {
      fpq_scale_shift(rows, columns, factor, shift, x, y)
    }
    if hadamard > 1 { fpq_hadamard(rows * columns, hadamard, y) }
  }

  /// Replaces gradients of a loss by x' [rows][inputs] by those by x, (H g) / smooth, on all
  /// threads.
  package func pullBack(_ gradient: Matrix) {
    let columns = gradient.columns
    RowChunks(of: gradient).forEach { _, rows in
      let g = gradient.row(rows.lowerBound)
      if hadamard > 1 { fpq_hadamard(rows.count * columns, hadamard, g) }
      if !factor.isEmpty { fpq_scale_shift(rows.count, columns, factor, nil, g, g) }
    }
  }

  /// W diag(smooth) H' of `weight` [outputs][inputs].
  package func weight(_ weight: Matrix) -> Matrix {
    let turned = Matrix(rows: weight.rows, columns: weight.columns)
    for row in 0..<weight.rows {
      let (from, to) = (weight.row(row), turned.row(row))
      for k in 0..<weight.columns { to[k] = from[k] * (smooth?[k] ?? 1) }
    }
    if hadamard > 1 { turned.applyHadamard(block: hadamard) }
    return turned
  }
}

extension Matrix {
  /// Replaces each block of `block` channels of every row by its orthonormal Walsh-Hadamard
  /// transform, its own inverse, on all threads.
  ///
  /// - Parameter block: a power of two that divides the columns.
  package func applyHadamard(block: Int) {
    precondition(
      block > 0 && block & (block - 1) == 0 && columns % block == 0,
      "blocks of \(block) in \(columns) columns")
    RowChunks(of: self).forEach { _, rows in
      fpq_hadamard(rows.count * columns, block, row(rows.lowerBound))
    }
  }
}
