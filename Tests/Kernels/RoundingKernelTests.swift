import CKernels
import Formats
import TestSupport
import Testing

/// The rounding kernels: equal bits on every tier, and the bits of the definitions where those are
/// sums and products of single numbers.
@Suite struct RoundingKernelTests {
  static let unit = ElementwiseTests.unit
  static let tables = tiers.map { ($0.name, fpq_kernels_of_tier($0.tier)!.pointee) }
  /// Of 15 and of 63 levels.
  static let formats = ["e2m1", "e2m3"]

  /// The result of `kernel` on every tier, after checking that all are equal to the first.
  private func agreed(_ kernel: (fpq_kernels) throws -> [Float]) rethrows -> [Float] {
    let results = try Self.tables.map { ($0, try kernel($1)) }
    for (name, y) in results { #expect(bits(y) == bits(results[0].1), "\(name)") }
    return results[0].1
  }

  /// The residual of the nearest value.
  ///
  /// The scales are powers of two, so that dividing by one and multiplying by its reciprocal agree.
  @Test(arguments: formats, [1, 16, 31, 100])
  func `grid residual`(name: String, count: Int) throws {
    let format = try NumberFormat(name)
    var random = Generator(count)
    let w = random.floats(count, range: 9)
    let importance = random.floats(count).map { abs($0) }
    for (scale, negative) in [(0.25, 0.25), (0.5, 0.125), (0, 0)] as [(Float, Float)] {
      let grid = fpq_grid(
        scale: scale, negative_scale: negative,
        table: UnsafeRawPointer(format.levels().floats).assumingMemoryBound(to: fpq_levels.self))
      let e = agreed { table in
        var e = [Float](repeating: .nan, count: count)
        table.grid_residual(count, grid, w, &e)
        return e
      }
      let expected = w.map { w -> Float in
        let own = w < 0 ? negative : scale
        guard own != 0 else { return -w }
        return Float(format.levels().nearest(Double(w / own))) * own - w
      }
      #expect(bits(e) == bits(expected))
      let error = agreed { [$0.grid_error(count, grid, w, importance)] }[0]
      // Sixteen sums of count / 16 terms, added up in four steps; a term rounds twice more.
      let sum = zip(importance, expected).reduce(0) { $0 + Double($1.0) * Double($1.1 * $1.1) }
      #expect(abs(Double(error) - sum) <= Double(count / 16 + 7) * Self.unit * sum)
    }
  }

  @Test(arguments: formats, [1, 17, 128])
  func `feedback row`(name: String, count: Int) throws {
    let row = try RoundingCase(name, columns: count, groupSize: 32, isSplit: true, seed: count)
    var random = Generator(count + 1)
    let (w, target) = (random.floats(count, range: 4), random.floats(count, range: 4))
    // Rows are longer than the block.
    let stride = count + 3
    let wide = random.floats(count * stride)
    let factor = (0..<(count * count)).map { wide[$0 / count * stride + $0 % count] }
    let found = row.withGrids { grids, group in
      agreed { table in
        var t = target
        var (levels, residual) = ([Float](repeating: .nan, count: count), w)
        table.feedback_row(count, grids, group, wide, stride, w, &t, &levels, &residual)
        return t + levels + residual
      }
    }
    let expected = row.feedback(w, target: target, factor: factor)
    #expect(bits(found) == bits(expected.target + expected.levels + expected.residual))
  }

  @Test(arguments: formats, [1, 17, 64])
  func `descend row`(name: String, count: Int) throws {
    let row = try RoundingCase(name, columns: count, groupSize: 24, isSplit: true, seed: count)
    var random = Generator(count + 2)
    let hessian = RoundingCase.hessian(count, seed: count)
    let gradient = random.floats(count, range: 20)
    let levels = (0..<count).map { row.level(nearest: random.signed() * 4, column: $0) }
    var changed = Set<Int>()
    let found = row.withGrids { grids, group in
      agreed { table in
        var (l, g) = (levels, gradient)
        var change = [Float](repeating: .nan, count: count)
        changed.insert(
          table.descend_row(count, grids, group, hessian, count, -0.1, &l, &g, &change))
        return l + g + change
      }
    }
    let expected = row.descent(levels: levels, gradient: gradient, hessian: hessian, bar: -0.1)
    #expect(changed == [expected.changed])
    #expect(count == 1 || expected.changed > 0)
    #expect(bits(found) == bits(expected.levels + expected.gradient + expected.change))
  }

  /// clamp(base + h step, low, high): h is off by some ten roundings of 1, the sum by one of its
  /// own.
  @Test(arguments: [false, true])
  func `soft weights`(isScaled: Bool) {
    let count = 100
    var random = Generator(7)
    let (v, base) = (random.floats(count, range: 3), random.floats(count))
    let step = random.floats(count).map { $0 < -0.9 ? 0 : 0.1 + abs($0) }
    let group = fpq_soft_group(low: -0.7, high: 0.9, scaled: isScaled ? 1 : 0)
    let soft = agreed { table in
      var soft = [Float](repeating: .nan, count: count)
      table.soft_weights(count, group, v, base, step, &soft)
      return soft
    }
    for i in 0..<count {
      let divisor = isScaled && step[i] > 0 ? Double(step[i]) : 1
      let h = min(1, max(0, 1.2 / (1 + exponential(-Double(v[i]) / divisor)) - 0.1))
      let expected = min(
        Double(Float(0.9)), max(Double(Float(-0.7)), Double(base[i]) + h * Double(step[i])))
      let bound = 12 * Self.unit * (abs(Double(base[i])) + Double(step[i]))
      #expect(abs(Double(soft[i]) - expected) <= bound, "\(i)")
    }
  }

  /// `SoftRoundingTests` has the values, by torch.
  @Test(arguments: [1, 15, 64, 100])
  func `soft gradient of all tiers`(count: Int) {
    var random = Generator(count)
    let (v, base) = (random.floats(count, range: 3), random.floats(count))
    let (step, start) = (random.floats(count).map { abs($0) }, random.floats(count))
    let group = fpq_soft_group(low: -0.7, high: 0.9, scaled: 1)
    let result = agreed { table in
      var gradient = start
      let sum = table.soft_gradient(count, group, 1.5, 0.3, 7, v, base, step, &gradient)
      return gradient + [sum]
    }
    #expect(result.allSatisfy { $0.isFinite })
  }

  @Test(arguments: [1, 16, 100])
  func adam(count: Int) {
    var random = Generator(count)
    let (gradient, v) = (random.floats(count), random.floats(count))
    let (first, second) = (random.floats(count), random.floats(count).map { abs($0) })
    let (rate, one, two): (Float, Float, Float) = (0.01, 0.19, 0.001999)
    let found = agreed { table in
      var (v, first, second) = (v, first, second)
      table.adam(count, rate, one, two, gradient, &v, &first, &second)
      return v + first + second
    }
    let means = zip(first, gradient).map { first, g -> Float in
      let (old, new) = (0.9 * first, 0.1 * g)
      return old + new
    }
    let squares = zip(second, gradient).map { second, g -> Float in
      let (old, new) = (0.999 * second, 0.001 * (g * g))
      return old + new
    }
    let moved = (0..<count).map { i -> Float in
      let root = (squares[i] * (1 / two)).squareRoot()
      return v[i] - rate * (means[i] * (1 / one)) / (root + 1e-8)
    }
    #expect(bits(found) == bits(moved + means + squares))
  }

  @Test(arguments: [false, true], [(1, 1, 1), (3, 64, 5), (2, 130, 17), (5, 63, 0)])
  func gemm(adds: Bool, shape: (m: Int, n: Int, k: Int)) {
    let (m, n, k) = shape
    var random = Generator(n)
    let (aStride, bStride, cStride) = (k + 1, n + 2, n + 3)
    let a = random.floats(max(1, m * aStride)).map(Double.init)
    let b = random.floats(max(1, k * bStride)).map(Double.init)
    let start = random.floats(m * cStride).map(Double.init)
    var expected = start
    for i in 0..<m {
      for j in 0..<n {
        var sum = adds ? start[i * cStride + j] : 0
        for l in 0..<k {
          let product = a[i * aStride + l] * b[l * bStride + j]
          sum += product
        }
        expected[i * cStride + j] = sum
      }
    }
    for (name, table) in Self.tables {
      var c = start
      table.gemm_f64(m, n, k, a, aStride, b, bStride, adds ? 1 : 0, &c, cStride)
      #expect(Exact(c.map(\.bitPattern)) == Exact(expected.map(\.bitPattern)), "\(name)")
    }
  }
}
