import Platform
import Tensors

/// C = A B, or C += A B, row-major: rows, columns, depth, A and its stride, B and its stride, add, C and its stride.
typealias DenseProduct<T> = (
  Int, Int, Int, UnsafePointer<T>, Int, UnsafePointer<T>, Int, Bool, UnsafeMutablePointer<T>, Int
) -> Void

/// Replaces the lower triangle of A [count][count] by its Cholesky factor L, A = L L', in blocks of 128 columns.
///
/// Diagonal blocks are factored in f64, everything else in T. What lies above the diagonal is left undefined.
///
/// - Parameters:
///   - a: [count][count] row-major.
///   - count: rows and columns.
///   - smallestPivot: the least pivot L_kk^2 that is believed.
///   - product: the dense product in T, on one thread.
/// - Returns: false when a pivot came out below the smallest; A is then spoilt.
func choleskyFactorize<T: BinaryFloatingPoint>(
  _ a: UnsafeMutablePointer<T>, count: Int, smallestPivot: Double, product: DenseProduct<T>
) -> Bool {
  let block = 128
  // -L' of the panel below the diagonal block, [block][rest].
  let panel = UnsafeMutablePointer<T>.allocate(capacity: max(1, block * count))
  defer { panel.deallocate() }
  for start in stride(from: 0, to: count, by: block) {
    let width = min(block, count - start)
    guard
      let inverse = factorizeDiagonalBlock(
        a + start * count + start, width: width, stride: count, smallestPivot: smallestPivot)
    else { return false }
    let transposed = (0..<(width * width)).map { T(inverse[$0 % width * width + $0 / width]) }
    let first = start + width
    let rest = count - first
    guard rest > 0 else { continue }
    let tile = 256
    transposed.withUnsafeBufferPointer { buffer in
      guard let inverse = buffer.baseAddress else { return }
      Parallel.chunks(of: rest, size: tile) { range in
        let target = a + (first + range.lowerBound) * count + start
        let copy = UnsafeMutablePointer<T>.allocate(capacity: range.count * width)
        defer { copy.deallocate() }
        for row in 0..<range.count {
          for column in 0..<width { copy[row * width + column] = target[row * count + column] }
        }
        product(
          range.count, width, width, copy, width, inverse, width, false, target, count)
        for row in 0..<range.count {
          for column in 0..<width {
            panel[column * rest + range.lowerBound + row] = -target[row * count + column]
          }
        }
      }
    }
    Parallel.chunks(of: rest, size: tile) { range in
      let rows = a + (first + range.lowerBound) * count
      product(
        range.count, range.upperBound, width, rows + start, count, panel, rest, true, rows + first,
        count)
    }
  }
  return true
}

/// Factors a block of at most 128 columns in place and returns the inverse of its factor, [width][width] lower.
private func factorizeDiagonalBlock<T: BinaryFloatingPoint>(
  _ a: UnsafeMutablePointer<T>, width: Int, stride: Int, smallestPivot: Double
) -> [Double]? {
  var l = [Double](repeating: 0, count: width * width)
  for i in 0..<width {
    for j in 0...i {
      var sum = Double(a[i * stride + j])
      for k in 0..<j { sum -= l[i * width + k] * l[j * width + k] }
      if i > j {
        l[i * width + j] = sum / l[j * width + j]
      } else {
        guard sum > smallestPivot, sum.isFinite else { return nil }
        l[i * width + i] = sum.squareRoot()
      }
      a[i * stride + j] = T(l[i * width + j])
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
