import Kernels
import TestSupport
import Testing

/// The dense product in all four layouts of its factors, inside larger matrices, against f64.
///
/// A sum of `depth` products in any order is off by at most depth + 1 roundings of the sum of their
/// sizes.
@Test(
  arguments: [false, true], [(1, 1, 1), (3, 17, 5), (65, 33, 130), (12, 1, 40)])
func denseProduct(add: Bool, shape: (rows: Int, columns: Int, depth: Int)) {
  let (rows, columns, depth) = shape
  var random = Generator(rows * 31 + columns)
  for transposeA in [false, true] {
    for transposeB in [false, true] {
      // Rows are longer than what is multiplied, as a head's channels are a part of their row.
      let aStride = (transposeA ? rows : depth) + 3
      let bStride = (transposeB ? depth : columns) + 2
      let cStride = columns + 1
      let a = random.floats((transposeA ? depth : rows) * aStride)
      let b = random.floats((transposeB ? columns : depth) * bStride)
      let start = random.floats(rows * cStride)
      var c = start
      multiply(
        transposeA: transposeA, transposeB: transposeB, rows: rows, columns: columns, depth: depth,
        a, aStride, b, bStride, add: add, &c, cStride)
      for row in 0..<rows {
        for column in 0..<columns {
          let old = add ? Double(start[row * cStride + column]) : 0
          var (sum, size) = (old, abs(old))
          for k in 0..<depth {
            let left = a[transposeA ? k * aStride + row : row * aStride + k]
            let right = b[transposeB ? column * bStride + k : k * bStride + column]
            sum += Double(left) * Double(right)
            size += abs(Double(left) * Double(right))
          }
          let difference = abs(Double(c[row * cStride + column]) - sum)
          #expect(
            difference <= Double(depth + 1) * ElementwiseTests.unit * size,
            "\(transposeA) \(transposeB): \(row) \(column)")
        }
        #expect(c[row * cStride + columns] == start[row * cStride + columns], "beside the result")
      }
    }
  }
}
