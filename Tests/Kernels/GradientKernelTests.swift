import CKernels
import TestSupport
import Testing

/// The gradient kernels: equal bits on every tier, and close to the formula in f64.
///
/// Bounds count roundings, as in `ElementwiseTests`.
@Suite struct GradientKernelTests {
  static let unit = ElementwiseTests.unit
  static let lengths = ElementwiseTests.lengths
  static let tables = tiers.map { ($0.name, fpq_kernels_of_tier($0.tier)!.pointee) }

  /// The result of `kernel` on every tier, after checking that all are equal to the first.
  private func agreed<Value: Equatable>(_ kernel: (fpq_kernels) -> [Value]) -> [Value] {
    let results = Self.tables.map { ($0, kernel($1)) }
    for (name, y) in results { #expect(Exact(y) == Exact(results[0].1), "\(name)") }
    return results[0].1
  }

  /// GELU' = s + 2 v s (1 - s) u'.
  ///
  /// Six roundings in u are 12 |u| units in s (ElementwiseTests.gelu), and s has 5 of its own. 1 -
  /// s inherits what s is off by, which the factor 2 v u' of up to 5 max(1, u) magnifies; seven
  /// products and a sum end it.
  @Test func gelu() {
    var random = Generator(1)
    let x =
      random.floats(4096, range: 12) + random.floats(255, range: 1e-3)
      + [0, -0.0, 100, -100, 1e6, -1e6]
    let dy = random.floats(x.count)
    let inPlace = agreed { table in
      var dx = dy
      dx.withUnsafeMutableBufferPointer { buffer in
        table.gelu_tanh_gradient(x.count, x, buffer.baseAddress, buffer.baseAddress)
      }
      return dx.map(\.bitPattern)
    }
    let dx = agreed { table in
      var dx = [Float](repeating: .nan, count: x.count)
      table.gelu_tanh_gradient(x.count, x, dy, &dx)
      return dx.map(\.bitPattern)
    }
    #expect(Exact(inPlace) == Exact(dx))
    for index in x.indices {
      let v = Double(x[index])
      let u = 0.7978845608028654 * (v + 0.044715 * v * v * v)
      let slope = 0.7978845608028654 * (1 + 3 * 0.044715 * v * v)
      let s = 1 / (1 + exponential(-2 * u))
      let expected = Double(dy[index]) * (s + 2 * v * s * (1 - s) * slope)
      let relative = (12 * abs(u) * (1 - s) + 5) * Self.unit
      let bound =
        abs(Double(dy[index])) * s
        * (relative + abs(2 * v * slope) * ((1 - s) * (relative + 8 * Self.unit) + s * relative))
      // The exponential saturates: s stays at 1 / exp(88), 6.1e-39, where it should go on to 0.
      let floor = 6.2e-39 * (1 + abs(2 * v * slope))
      let difference = abs(Double(Float(bitPattern: dx[index])) - expected)
      #expect(difference <= bound + 2 * Self.unit * abs(expected) + floor, "gelu'(\(v))")
    }
  }

  /// scale p (dp - sum p dp).
  ///
  /// The sum over sixteen lanes makes columns / 16 + 5 roundings; the difference, two products and
  /// the inputs' own add 3.
  @Test(arguments: lengths)
  func softmax(columns: Int) {
    let rows = 3
    var random = Generator(columns)
    let p = random.floats(rows * columns).map { abs($0) / Float(columns) }
    let dp = random.floats(rows * columns)
    let dx = agreed { table in
      var dx = dp
      table.softmax_gradient(rows, columns, 0.7, p, &dx)
      return dx.map(\.bitPattern)
    }.map { Float(bitPattern: $0) }
    for row in 0..<rows {
      let range = (row * columns)..<((row + 1) * columns)
      let products = range.map { Double(p[$0]) * Double(dp[$0]) }
      let (dot, size) = (products.reduce(0, +), products.reduce(0) { $0 + abs($1) })
      for index in range {
        let (weight, own) = (Double(p[index]) * Double(Float(0.7)), Double(dp[index]))
        let bound =
          weight * Self.unit * (Double(columns / 16 + 6) * size + 3 * (abs(own) + abs(dot)))
        #expect(abs(Double(dx[index]) - weight * (own - dot)) <= bound, "\(columns): \(index)")
      }
    }
  }

  /// The norm's gradient by its definition.
  ///
  /// n is off by (roundings + 2) units of the largest x over the deviation, and by `roundings / 2 +
  /// 4` of itself (ElementwiseTests.layerNorm); the means of g and g n are off by `roundings` of
  /// the mean sizes, g n also by what n is.
  @Test(arguments: lengths)
  func `layer norm`(columns: Int) {
    let rows = 4
    var random = Generator(columns + 1)
    let x = random.floats(rows * columns).map { $0 + 0.5 }
    let (scale, dy) = (random.floats(columns), random.floats(rows * columns))
    let (start, count) = (random.floats(2 * columns).map(Double.init), Double(columns))
    let results = agreed { table -> [Double] in
      var dx = [Float](repeating: .nan, count: rows * columns)
      var (scales, shifts) = (Array(start[..<columns]), Array(start[columns...]))
      table.layer_norm_gradient(rows, columns, 1e-6, scale, x, dy, &dx, &scales, &shifts)
      var alone = [Float](repeating: .nan, count: rows * columns)
      table.layer_norm_gradient(rows, columns, 1e-6, scale, x, dy, &alone, nil, nil)
      #expect(bits(alone) == bits(dx))
      return dx.map(Double.init) + scales + shifts
    }
    let (dx, sums) = (results[..<(rows * columns)], results[(rows * columns)...])
    let roundings = Double(columns / 16 + 6)
    var (scales, errors) = (Array(start[..<columns]), [Double](repeating: 1e-15, count: columns))
    var shifts = Array(start[columns...])
    for row in 0..<rows {
      let v = (0..<columns).map { Double(x[row * columns + $0]) }
      let mean = v.reduce(0, +) / count
      let variance = v.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
      let deviation = (variance + Double(Float(1e-6))).squareRoot()
      let n = v.map { ($0 - mean) / deviation }
      let offset = (roundings + 2) * Self.unit * (v.map(abs).max() ?? 0) / deviation
      let off = n.map { offset * (1 + abs($0)) + abs($0) * (roundings / 2 + 4) * Self.unit }
      let g = (0..<columns).map { Double(dy[row * columns + $0]) * Double(scale[$0]) }
      let first = g.reduce(0, +) / count
      let second = zip(g, n).reduce(0) { $0 + $1.0 * $1.1 } / count
      let firstOff = (roundings + 1) * Self.unit * g.reduce(0) { $0 + abs($1) } / count
      let secondOff = (0..<columns).reduce(0) {
        $0 + abs(g[$1]) * (off[$1] + (roundings + 2) * Self.unit * abs(n[$1])) / count
      }
      for c in 0..<columns {
        let expected = (g[c] - first - n[c] * second) / deviation
        let size = abs(g[c]) + abs(first) + abs(n[c] * second)
        // The deviation's own error and the last operations: of the size of the terms.
        let bound =
          (firstOff + off[c] * abs(second) + abs(n[c]) * secondOff
            + (roundings / 2 + 8) * Self.unit * size) / deviation
          + offset * size / deviation
        #expect(abs(dx[row * columns + c] - expected) <= bound, "\(columns): \(row) \(c)")
        scales[c] += Double(dy[row * columns + c]) * n[c]
        errors[c] += abs(Double(dy[row * columns + c])) * off[c]
        shifts[c] += Double(dy[row * columns + c])
      }
    }
    for c in 0..<columns {
      #expect(abs(sums[rows * columns + c] - scales[c]) <= errors[c], "\(columns): scale \(c)")
      #expect(sums[rows * columns + columns + c] == shifts[c], "\(columns): shift \(c)")
    }
  }

  @Test(arguments: lengths)
  func `column dots`(columns: Int) {
    let rows = 7
    var random = Generator(columns + 2)
    let (a, b) = (random.floats(rows * columns), random.floats(rows * columns))
    for factors in [b, nil] {
      var expected = [Double](repeating: 1, count: columns)
      for index in a.indices {
        expected[index % columns] += Double(a[index]) * Double(factors?[index] ?? 1)
      }
      let found = agreed { table in
        var sums = [Double](repeating: 1, count: columns)
        table.column_dots(rows, columns, a, factors, &sums)
        return sums
      }
      #expect(Exact(found) == Exact(expected))
    }
  }
}
