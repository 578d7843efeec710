import Kernels
import Platform
import Tensors

/// What carries the error of a rounded channel to the channels not yet rounded, by one
/// factorization of H.
///
/// In rounding order H = L L' with L upper triangular and M = L diag(L)^-1: the next channel is
/// rounded from w_k + sum over j < k of (w_j - q_j) M_jk. This is GPTQ (LDLQ, Babai's nearest
/// plane) without the inverse and second factorization of the published form.
package struct FeedbackFactor: Sendable {
  /// `order[k]` is the input channel that is rounded k-th.
  package let order: [Int]
  /// M [inputs][inputs] in rounding order, unit upper triangular; only what is above the diagonal
  /// is defined.
  package let matrix: Matrix
  /// Whether f32 sufficed.
  package let isSinglePrecision: Bool
  /// What had to be added to H's diagonal to make it positive definite in f64; 0 almost always.
  package let extraDamping: Double

  /// Factors H [inputs][inputs], whose least eigenvalue should be `damping`.
  init(hessian: Matrix, order: [Int], damping: Double) {
    self.order = order
    let count = hessian.rows
    let matrix = Matrix(rows: count, columns: count)
    self.matrix = matrix
    var average = 0.0
    for i in 0..<count { average += Double(hessian.row(i)[i]) / Double(count) }

    // Exact pivots are at least the least eigenvalue: one at half of it is rounding error.
    let reversed = Matrix(rows: count, columns: count)
    fill(reversed, hessian, order, extra: 0)
    if choleskyFactorize(reversed, smallestPivot: max(damping / 2, average * 1e-6)) {
      isSinglePrecision = true
      extraDamping = 0
      normalize(reversed, into: matrix)
      return
    }
    isSinglePrecision = false
    let wide = WideMatrix(rows: count, columns: count)
    var extra = 0.0
    while true {
      fill(wide, hessian, order, extra: extra)
      if choleskyFactorize(wide, smallestPivot: max(damping * 1e-3, average * 1e-12)) { break }
      // H in f32 may be indefinite by its rounding; ends, as a dominant diagonal is definite.
      extra = extra == 0 ? average * 1e-7 : extra * 10
    }
    extraDamping = extra
    normalize(wide, into: matrix)
  }
}

/// Writes H in reversed rounding order: its lower factor, reversed back, is the upper factor in
/// rounding order.
private func fill<M: MatrixStorage>(
  _ target: M, _ hessian: Matrix, _ order: [Int], extra: Double
) {
  let count = order.count
  order.withUnsafeBufferPointer { order in
    nonisolated(unsafe) let order = order
    Parallel.chunks(of: count, size: 64) { range in
      for i in range {
        let source = hessian.row(order[count - 1 - i])
        let row = target.pointer + i * count
        for j in 0...i { row[j] = M.Element(source[order[count - 1 - j]]) }
        row[i] += M.Element(extra)
      }
    }
  }
}

/// M_ik = L_ik / L_kk from the lower factor of the reversed matrix.
private func normalize<M: MatrixStorage>(_ lower: M, into matrix: Matrix) {
  let count = matrix.rows
  Parallel.chunks(of: count, size: 64) { range in
    let l = lower.pointer
    for i in range {
      let source = l + (count - 1 - i) * count
      let row = matrix.row(i)
      for k in i..<count {
        let reversed = count - 1 - k
        row[k] = Float(source[reversed] / l[reversed * count + reversed])
      }
    }
  }
}
