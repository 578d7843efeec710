/// Eigenvalues and eigenvectors of a symmetric matrix by Jacobi's cyclic rotations, in f64.
///
/// Meant for the small matrices that a subspace projects to: each sweep costs about 6 n^3.
struct SymmetricEigen {
  /// Descending.
  let values: [Double]
  /// `vectors[i][j]`: component i of the eigenvector of `values[j]`, row-major [count][count].
  let vectors: [Double]

  /// - Parameters:
  ///   - matrix: [count][count], of which the upper triangle is read.
  ///   - n: rows and columns.
  init(_ matrix: [Double], count n: Int) {
    precondition(matrix.count == n * n, "a square matrix")
    var a = matrix
    for i in 0..<n { for j in 0..<i { a[i * n + j] = a[j * n + i] } }
    var v = [Double](repeating: 0, count: n * n)
    for i in 0..<n { v[i * n + i] = 1 }
    a.withUnsafeMutableBufferPointer { a in
      v.withUnsafeMutableBufferPointer { v in
        // Convergence is quadratic: some ten sweeps whatever the matrix.
        for _ in 0..<40 { if SymmetricEigen.sweep(a, v, n) == 0 { break } }
      }
    }
    let order = (0..<n).sorted { (-a[$0 * n + $0], $0) < (-a[$1 * n + $1], $1) }
    values = order.map { a[$0 * n + $0] }
    vectors = (0..<n).flatMap { row in order.map { v[row * n + $0] } }
  }

  /// Rotates every pair once; returns how many were not zero to working precision.
  private static func sweep(
    _ a: UnsafeMutableBufferPointer<Double>, _ v: UnsafeMutableBufferPointer<Double>, _ n: Int
  ) -> Int {
    var rotations = 0
    for p in 0..<n {
      for q in (p + 1)..<max(n, p + 1) {
        let (app, aqq, apq) = (a[p * n + p], a[q * n + q], a[p * n + q])
        guard abs(apq) > 1e-16 * (abs(app) * abs(aqq)).squareRoot(), apq != 0 else { continue }
        rotations += 1
        // tan of the angle that makes a_pq zero, of the two the smaller.
        let theta = (aqq - app) / (2 * apq)
        let t = (theta < 0 ? -1 : 1) / (abs(theta) + (theta * theta + 1).squareRoot())
        let c = 1 / (t * t + 1).squareRoot()
        let s = t * c
        for k in 0..<n {
          let (x, y) = (a[p * n + k], a[q * n + k])
          a[p * n + k] = c * x - s * y
          a[q * n + k] = s * x + c * y
        }
        for k in 0..<n {
          let (x, y) = (a[k * n + p], a[k * n + q])
          a[k * n + p] = c * x - s * y
          a[k * n + q] = s * x + c * y
          let (u, w) = (v[k * n + p], v[k * n + q])
          v[k * n + p] = c * u - s * w
          v[k * n + q] = s * u + c * w
        }
        a[p * n + q] = 0
        a[q * n + p] = 0
      }
    }
    return rotations
  }
}
