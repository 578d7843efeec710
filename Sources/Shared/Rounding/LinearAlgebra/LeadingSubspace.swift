import Kernels
import Platform
import Tensors

/// The leading eigenvectors of S = P W', symmetric and not negative, by subspace iteration in f64.
///
/// S is never formed: a step is two thin products. More vectors are iterated than are asked for, so
/// that the wanted ones stand out: what is missing of the energy of eigenvalue l_j falls by
/// (l_p / l_j)^2 a step, p the vectors iterated. Products run over chunks that depend on the shape
/// alone, from a fixed start: the same bytes for any number of threads.
struct LeadingSubspace {
  /// Orthonormal columns [outputs][count], by descending eigenvalue; columns of 0 where S has no
  /// further direction.
  let vectors: [Double]

  /// Weights (256x256, output metric): the energy that 32 vectors miss is 4e-5 of theirs after 4
  /// steps, 3e-9 after 16.
  private static let steps = 16

  /// - Parameters:
  ///   - weight: W [outputs][inputs].
  ///   - transformed: P = W H [outputs][inputs], H symmetric and not negative; W itself for H = 1.
  ///   - count: vectors, at most min(outputs, inputs).
  init(of weight: Matrix, transformed: Matrix, count: Int) {
    let (rows, columns) = (weight.rows, weight.columns)
    precondition(count <= min(rows, columns), "no more directions than the weight has")
    // The kernel's products are fastest by 64 columns; 8 more than wanted make the last ones
    // converge.
    let width = min((count + 8 + 63) / 64 * 64, rows, columns)
    var random = SplitMix64(state: 1)
    // 53 bits of a word, -.5 to .5.
    var basis = orthonormalized(
      (0..<(rows * width)).map { _ in Double(random.next() >> 11) * 0x1p-53 - 0.5 }, rows, width)
    func applied(_ basis: [Double]) -> [Double] {
      let inner = wideProduct(rows: columns, depth: rows, columns: width, basis) { k, target in
        for n in 0..<rows { target[n] = Double(weight.row(n)[k]) }
      }
      return wideProduct(rows: rows, depth: columns, columns: width, inner) { n, target in
        for k in 0..<columns { target[k] = Double(transformed.row(n)[k]) }
      }
    }
    for _ in 0..<LeadingSubspace.steps { basis = orthonormalized(applied(basis), rows, width) }
    // Rayleigh and Ritz: the eigenvectors of S within the subspace.
    let image = applied(basis)
    let projected = wideProduct(rows: width, depth: rows, columns: width, image) { i, target in
      for n in 0..<rows { target[n] = basis[n * width + i] }
    }
    let eigen = SymmetricEigen(projected, count: width)
    let turned = wideProduct(rows: rows, depth: width, columns: width, eigen.vectors) { n, target in
      for i in 0..<width { target[i] = basis[n * width + i] }
    }
    vectors = (0..<rows).flatMap { n in turned[(n * width)..<(n * width + count)] }
  }
}

/// A B [rows][columns] in f64; `row` writes a row of A [rows][depth], B is [depth][columns].
func wideProduct(
  rows: Int, depth: Int, columns: Int, _ b: [Double],
  row: (Int, UnsafeMutablePointer<Double>) -> Void
) -> [Double] {
  let b = WideMatrix(rows: depth, columns: columns, values: b)
  let product = WideMatrix(rows: rows, columns: columns)
  Parallel.chunks(of: rows, size: 32) { range in
    let a = WideMatrix(rows: range.count, columns: depth)
    for (index, number) in range.enumerated() { row(number, a.row(index)) }
    WideMatrix.multiply(a.block(), b.block(), adding: false, into: product.block(rows: range))
  }
  return product.values
}

/// The columns of `matrix` [rows][columns] made orthonormal in their order (modified Gram-Schmidt,
/// twice); one that depends on those before it becomes 0.
private func orthonormalized(_ matrix: [Double], _ rows: Int, _ columns: Int) -> [Double] {
  // [columns][rows], so that a vector lies in one piece.
  var vectors = [Double](repeating: 0, count: rows * columns)
  for n in 0..<rows { for i in 0..<columns { vectors[i * rows + n] = matrix[n * columns + i] } }
  vectors.withUnsafeMutableBufferPointer { vectors in
    func dot(_ i: Int, _ j: Int) -> Double {
      let (a, b) = (vectors.baseAddress! + i * rows, vectors.baseAddress! + j * rows)
      var sum = 0.0
      for n in 0..<rows { sum += a[n] * b[n] }
      return sum
    }
    for i in 0..<columns {
      let own = vectors.baseAddress! + i * rows
      let before = dot(i, i).squareRoot()
      for _ in 0..<2 {
        for j in 0..<i {
          let other = vectors.baseAddress! + j * rows
          let share = dot(i, j)
          for n in 0..<rows { own[n] -= share * other[n] }
        }
      }
      let after = dot(i, i).squareRoot()
      // What is left of a dependent vector is rounding error.
      let factor = after > 1e-13 * before ? 1 / after : 0
      for n in 0..<rows { own[n] *= factor }
    }
  }
  var result = matrix
  for n in 0..<rows { for i in 0..<columns { result[n * columns + i] = vectors[i * rows + n] } }
  return result
}
