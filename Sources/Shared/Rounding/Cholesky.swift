import Kernels
import Platform
import Tensors

/// Replaces the lower triangle of A [count][count] by its Cholesky factor L, A = L L', in blocks of 128 columns.
///
/// Diagonal blocks are factored in f64, everything else in the matrix's type. What lies above the
/// diagonal is left undefined.
///
/// - Parameters:
///   - a: [count][count].
///   - smallestPivot: the least pivot L_kk^2 that is believed.
/// - Returns: false when a pivot came out below the smallest; A is then spoilt.
func choleskyFactorize<M: MatrixStorage>(_ a: M, smallestPivot: Double) -> Bool {
  let (count, block) = (a.rows, 128)
  for start in stride(from: 0, to: count, by: block) {
    let width = min(block, count - start)
    guard
      let inverse = factorizeDiagonalBlock(
        a.block(rows: start..<(start + width), columns: start..<(start + width)),
        smallestPivot: smallestPivot)
    else { return false }
    let first = start + width
    let rest = count - first
    guard rest > 0 else { continue }
    let transposed = M(rows: width, columns: width, zeroed: false)
    for index in 0..<(width * width) {
      transposed.pointer[index] = M.Element(inverse[index % width * width + index / width])
    }
    // -L' of the panel below the diagonal block.
    let panel = M(rows: width, columns: rest, zeroed: false)
    let tile = 256
    Parallel.chunks(of: rest, size: tile) { range in
      let rows = (first + range.lowerBound)..<(first + range.upperBound)
      let target = a.block(rows: rows, columns: start..<first)
      let copy = M(rows: range.count, columns: width, zeroed: false)
      for row in 0..<range.count {
        (copy.pointer + row * width).update(from: target.row(row), count: width)
      }
      M.multiply(copy.block(), transposed.block(), adding: false, into: target)
      for row in 0..<range.count {
        let (own, place) = (target.row(row), panel.pointer + range.lowerBound + row)
        for column in 0..<width { place[column * rest] = -own[column] }
      }
    }
    Parallel.chunks(of: rest, size: tile) { range in
      let rows = (first + range.lowerBound)..<(first + range.upperBound)
      M.multiply(
        a.block(rows: rows, columns: start..<first),
        panel.block(columns: 0..<range.upperBound), adding: true,
        into: a.block(rows: rows, columns: first..<(first + range.upperBound)))
    }
  }
  return true
}

/// Factors a block of at most 128 columns in place and returns the inverse of its factor, [width][width] lower.
private func factorizeDiagonalBlock<M: MatrixStorage>(
  _ block: MatrixBlock<M>, smallestPivot: Double
) -> [Double]? {
  let width = block.rows.count
  var l = [Double](repeating: 0, count: width * width)
  for i in 0..<width {
    let row = block.row(i)
    for j in 0...i {
      var sum = Double(row[j])
      for k in 0..<j { sum -= l[i * width + k] * l[j * width + k] }
      if i > j {
        l[i * width + j] = sum / l[j * width + j]
      } else {
        guard sum > smallestPivot, sum.isFinite else { return nil }
        l[i * width + i] = sum.squareRoot()
      }
      row[j] = M.Element(l[i * width + j])
    }
  }
  var inverse = [Double](repeating: 0, count: width * width)
  for column in 0..<width {
    inverse[column * width + column] = 1 / l[column * width + column]
    for row in (column + 1)..<max(width, column + 1) {
      var sum = 0.0
      for k in column..<row { sum -= l[row * width + k] * inverse[k * width + column] }
      inverse[row * width + column] = sum / l[row * width + row]
    }
  }
  return inverse
}
