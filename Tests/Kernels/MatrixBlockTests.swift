import Kernels
import TestSupport
import Tensors
import Testing

/// Products of blocks inside larger matrices, in all four layouts of the factors in f32, against
/// f64.
///
/// A sum of `depth` products in any order is off by at most depth + 1 roundings of the sum of their
/// sizes.
@Suite struct MatrixBlockTests {
  static let shapes = [(1, 1, 1), (3, 17, 5), (65, 33, 130), (12, 1, 40)]

  /// A random matrix in which a block of the given shape has a margin on every side.
  private func block(_ rows: Int, _ columns: Int, _ random: inout Generator) -> MatrixBlock<Matrix>
  {
    let matrix = Matrix(
      rows: rows + 3, columns: columns + 5, values: random.floats((rows + 3) * (columns + 5)))
    return matrix.block(rows: 1..<(rows + 1), columns: 2..<(columns + 2))
  }

  @Test(arguments: [false, true], shapes)
  func product(adding: Bool, shape: (rows: Int, columns: Int, depth: Int)) {
    let (rows, columns, depth) = shape
    var random = Generator(rows * 31 + columns)
    for transposeA in [false, true] {
      for transposeB in [false, true] {
        let a = transposeA ? block(depth, rows, &random) : block(rows, depth, &random)
        let b = transposeB ? block(columns, depth, &random) : block(depth, columns, &random)
        let c = block(rows, columns, &random)
        let start = c.matrix.values
        multiply(
          transposeA: transposeA, transposeB: transposeB, a, b, adding: adding, into: c)
        for index in start.indices {
          let (row, column) = (index / (columns + 5) - 1, index % (columns + 5) - 2)
          guard (0..<rows).contains(row), (0..<columns).contains(column) else {
            #expect(c.matrix.pointer[index] == start[index], "beside the result")
            continue
          }
          let old = adding ? Double(start[index]) : 0
          var (sum, size) = (old, abs(old))
          for k in 0..<depth {
            let left = transposeA ? a.row(k)[row] : a.row(row)[k]
            let right = transposeB ? b.row(column)[k] : b.row(k)[column]
            sum += Double(left) * Double(right)
            size += abs(Double(left) * Double(right))
          }
          #expect(
            abs(Double(c.row(row)[column]) - sum)
              <= Double(depth + 1) * ElementwiseTests.unit * size,
            "\(transposeA) \(transposeB): \(row) \(column)")
        }
      }
    }
  }

  /// As for f32; products in f64 have no transposed layouts.
  @Test(arguments: [false, true], shapes)
  func `wide product`(adding: Bool, shape: (rows: Int, columns: Int, depth: Int)) {
    let (rows, columns, depth) = shape
    var random = Generator(rows * 37 + columns)
    func block(_ rows: Int, _ columns: Int) -> MatrixBlock<WideMatrix> {
      let matrix = WideMatrix(
        rows: rows + 3, columns: columns + 5,
        values: random.floats((rows + 3) * (columns + 5)).map(Double.init))
      return matrix.block(rows: 1..<(rows + 1), columns: 2..<(columns + 2))
    }
    let (a, b, c) = (block(rows, depth), block(depth, columns), block(rows, columns))
    let start = c.matrix.values
    WideMatrix.multiply(a, b, adding: adding, into: c)
    for index in start.indices {
      let (row, column) = (index / (columns + 5) - 1, index % (columns + 5) - 2)
      guard (0..<rows).contains(row), (0..<columns).contains(column) else {
        #expect(c.matrix.values[index] == start[index], "beside the result")
        continue
      }
      var sum = adding ? start[index] : 0
      for k in 0..<depth {
        let product = a.row(row)[k] * b.row(k)[column]
        sum += product
      }
      #expect(c.row(row)[column] == sum)
    }
  }
}
