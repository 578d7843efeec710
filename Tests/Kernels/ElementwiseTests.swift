import CKernels
import Foundation
import TestSupport
import Testing

/// The elementwise kernels: equal bits on every tier, and close to the formula in f64.
///
/// Bounds count roundings: an f32 operation is off by at most `unit` = 2^-24 of its result.
@Suite struct ElementwiseTests {
  static let unit = 0x1p-24
  static let tables = tiers.map { ($0.name, fpq_kernels_of_tier($0.tier)!.pointee) }
  static let lengths = [1, 2, 15, 16, 17, 31, 33, 64, 257, 1152]

  private func values(_ count: Int, seed: Int, range: Float = 1) -> [Float] {
    var random = Generator(seed)
    return (0..<count).map { _ in random.signed() * range }
  }

  /// The result of `kernel` on every tier, after checking that all are equal to the first.
  private func agreed(
    _ count: Int, from start: [Float]? = nil,
    _ kernel: (fpq_kernels, UnsafeMutablePointer<Float>) -> Void
  ) -> [Float] {
    let results = Self.tables.map { name, table in
      var y = start ?? [Float](repeating: .nan, count: count)
      kernel(table, &y)
      return (name, y)
    }
    for (name, y) in results { #expect(bits(y) == bits(results[0].1), "\(name)") }
    return results[0].1
  }

  @Test func `every half`() {
    let patterns = (0...UInt16.max).map { $0 }
    let y = agreed(65536) { $0.half_to_float(65536, patterns, $1) }
    for pattern in patterns {
      let (found, expected) = (y[Int(pattern)], Float(Float16(bitPattern: pattern)))
      if expected.isNaN {
        #expect(found.isNaN)
      } else if found.bitPattern != expected.bitPattern {
        Issue.record("half \(pattern): \(found), expected \(expected)")
      }
    }
  }

  @Test func `every bfloat16`() {
    let patterns = (0...UInt16.max).map { $0 }
    let y = agreed(65536) { $0.bfloat16_to_float(65536, patterns, $1) }
    #expect(bits(y) == Exact(patterns.map { UInt32($0) << 16 }))
  }

  /// GELU as v / (1 + exp(-2u)).
  ///
  /// Six roundings in u are 12 |u| units in the exponential, whose own error is 4 (2 ulp); the sum
  /// and the quotient add 2. Beyond exp(88) the result is 0 for all purposes.
  @Test func gelu() {
    let x =
      values(4096, seed: 1, range: 12) + values(255, seed: 2, range: 1e-3)
      + [0, -0.0, 100, -100, 1e6, -1e6]
    let y = agreed(x.count) { $0.gelu_tanh(x.count, x, $1) }
    for (v, found) in zip(x.map(Double.init), y) {
      let u = 0.7978845608028654 * (v + 0.044715 * v * v * v)
      let expected = v / (1 + exponential(-2 * u))
      let bound = (12 * abs(u) + 8) * Self.unit * abs(expected) + 1e-37 * abs(v)
      #expect(abs(Double(found) - expected) <= bound, "gelu(\(v)) = \(found)")
    }
  }

  /// The exact GELU as v tail(|v|), or v (1 - tail(v)), with tail(z) = polynomial(t) exp(-z^2 / 2).
  ///
  /// The rounding of z^2 / 2 is as many units in the exponential, whose own error is 4. The
  /// polynomial is made to 0.8 units; t, its steps and the products add 8. Beyond 13 the tail is 0
  /// for all purposes.
  @Test func `exact GELU`() {
    let x =
      values(4096, seed: 21, range: 14) + values(4096, seed: 22, range: 2)
      + values(255, seed: 23, range: 1e-3)
      + [0, -0.0, 100, -100, 1e6, -1e6, .greatestFiniteMagnitude]
    let y = agreed(x.count) { $0.gelu_erf(x.count, x, $1) }
    for (v, found) in zip(x, y) {
      let exact = Double(v)
      let expected = exact * 0.5 * erfc(-exact / 2.0.squareRoot())
      let bound = (exact * min(exact, 0) / 2 + 13) * Self.unit * abs(expected) + 1e-36
      #expect(abs(Double(found) - expected) <= bound, "gelu(\(v)) = \(found)")
    }
    let special = agreed(2) { $0.gelu_erf(2, [.infinity, .nan], $1) }
    #expect(special[0] == .infinity && special[1].isNaN)
  }

  @Test func silu() {
    let x =
      values(4096, seed: 3, range: 80) + values(255, seed: 4)
      + [0, -0.0, 1e6, -1e6]
    let y = agreed(x.count) { $0.silu(x.count, x, $1) }
    for (v, found) in zip(x.map(Double.init), y) {
      let expected = v / (1 + exponential(-v))
      let bound = 8 * Self.unit * abs(expected) + 1e-37 * abs(v)
      #expect(abs(Double(found) - expected) <= bound, "silu(\(v)) = \(found)")
    }
  }

  @Test(arguments: lengths)
  func `exact arithmetic`(columns: Int) {
    let rows = 3
    let count = rows * columns
    let (x, y) = (values(count, seed: 5), values(count, seed: 6))
    let (scale, shift) = (values(columns, seed: 7), values(columns, seed: 8))
    func rowwise(_ body: (Int, Int) -> Float) -> Exact<UInt32> {
      bits((0..<count).map { body($0, $0 % columns) })
    }
    #expect(bits(agreed(count) { $0.multiply(count, x, y, $1) }) == rowwise { i, _ in x[i] * y[i] })
    #expect(
      bits(agreed(count, from: x) { $0.add_bias(rows, columns, shift, $1) })
        == rowwise { i, c in x[i] + shift[c] })
    #expect(
      bits(agreed(count, from: x) { $0.add_residual(rows, columns, scale, y, $1) })
        == rowwise { i, c in
          let gated = scale[c] * y[i]
          return gated + x[i]
        })
    #expect(
      bits(agreed(count, from: x) { $0.add_residual(rows, columns, nil, y, $1) })
        == rowwise { i, _ in y[i] + x[i] })
    #expect(
      bits(agreed(count) { $0.scale_shift(rows, columns, scale, shift, x, $1) })
        == rowwise { i, c in
          let scaled = x[i] * scale[c]
          return scaled + shift[c]
        })
    #expect(
      bits(agreed(count) { $0.scale_shift(rows, columns, scale, nil, x, $1) })
        == rowwise { i, c in x[i] * scale[c] })
  }

  /// Sums over sixteen lanes make columns / 16 + 5 roundings, the mean's division one more.
  @Test(arguments: lengths)
  func `layer norm`(columns: Int) {
    let rows = 4
    let x = values(rows * columns, seed: 9).map { $0 + 0.5 }
    let (scale, shift) = (values(columns, seed: 10), values(columns, seed: 11))
    let y = agreed(rows * columns) {
      $0.layer_norm(rows, columns, 1e-6, scale, shift, x, $1)
    }
    let roundings = Double(columns / 16 + 6)
    for row in 0..<rows {
      let v = (0..<columns).map { Double(x[row * columns + $0]) }
      let mean = v.reduce(0, +) / Double(columns)
      let variance = v.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
      let deviation = (variance + Double(Float(1e-6))).squareRoot()
      let largest = v.map(abs).max() ?? 0
      // The mean is off by `roundings`, the difference from it by one more; both reach z and,
      // through the variance, the deviation, which adds half its own roundings; three products and
      // a sum end it.
      let offset = (roundings + 2) * Self.unit * largest / deviation
      for c in 0..<columns {
        let z = (v[c] - mean) / deviation
        let expected = z * Double(scale[c]) + Double(shift[c])
        let bound =
          (offset * (1 + abs(z)) + abs(z) * (roundings / 2 + 6) * Self.unit) * abs(Double(scale[c]))
          + 2 * Self.unit * abs(expected)
        #expect(abs(Double(y[row * columns + c]) - expected) <= bound, "\(columns): \(row) \(c)")
      }
    }
  }

  @Test(arguments: lengths)
  func `RMS norm`(columns: Int) {
    let x = values(2 * columns, seed: 12)
    let weight = values(columns, seed: 13)
    let y = agreed(2 * columns) { $0.rms_norm(2, columns, 1e-6, weight, x, $1) }
    for row in 0..<2 {
      let v = (0..<columns).map { Double(x[row * columns + $0]) }
      let square = v.reduce(0) { $0 + $1 * $1 } / Double(columns) + Double(Float(1e-6))
      for c in 0..<columns {
        let expected = Double(weight[c]) * v[c] / square.squareRoot()
        // Half of the sum's roundings pass the root; then root, reciprocal and two products.
        let bound = (Double(columns / 16 + 8) / 2 + 5) * Self.unit * abs(expected)
        #expect(abs(Double(y[row * columns + c]) - expected) <= bound, "\(columns): \(row) \(c)")
      }
    }
  }

  /// Softmax of logits of size A.
  ///
  /// One is off by 2 units of A, so is the maximum, and their difference adds 2 A; the exponential
  /// adds 4. The sum has that error too, and its own roundings; reciprocal and product add 2.
  @Test(arguments: lengths)
  func softmax(columns: Int) {
    let (rows, stride) = (3, columns + 5)
    let x = values(rows * stride, seed: 14, range: 30)
    let bias = values(columns, seed: 15, range: 10)
    for withBias in [false, true] {
      let y = agreed(rows * stride, from: x) {
        $0.softmax(rows, columns, stride, 0.7, withBias ? bias : nil, $1)
      }
      for row in 0..<rows {
        let logits = (0..<columns).map {
          Double(x[row * stride + $0]) * Double(Float(0.7)) + (withBias ? Double(bias[$0]) : 0)
        }
        let top = logits.max() ?? 0
        let exponentials = logits.map { exponential($0 - top) }
        let sum = exponentials.reduce(0, +)
        let size = 30 * 0.7 + (withBias ? 10 : 0)
        let relative = (2 * (6 * size + 4) + Double(columns / 16 + 5) + 2) * Self.unit
        for c in 0..<columns {
          let expected = exponentials[c] / sum
          #expect(
            abs(Double(y[row * stride + c]) - expected) <= relative * expected + 1e-37,
            "\(columns): \(row) \(c)")
        }
        let after = (row * stride + columns)..<((row + 1) * stride)
        #expect(bits(Array(y[after])) == bits(Array(x[after])), "padding")
      }
    }
  }

  @Test func `softmax of minus infinity is zero`() {
    let y = agreed(3, from: [1, -.infinity, 1]) { $0.softmax(1, 3, 3, 1, nil, $1) }
    #expect(y == [0.5, 0, 0.5])
  }

  @Test(arguments: lengths)
  func `column sums`(columns: Int) {
    let x = values(7 * columns, seed: 16)
    var sums = [Double](repeating: 1, count: columns)
    var squares = [Double](repeating: 2, count: columns)
    for row in 0..<7 {
      for c in 0..<columns {
        let v = Double(x[row * columns + c])
        sums[c] += v
        squares[c] += v * v
      }
    }
    for (name, table) in Self.tables {
      var (s, q) = (
        [Double](repeating: 1, count: columns), [Double](repeating: 2, count: columns)
      )
      table.column_sums(7, columns, x, &s, &q)
      #expect(Exact(s) == Exact(sums) && Exact(q) == Exact(squares), "\(name)")
    }
  }
}
