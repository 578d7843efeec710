import CKernels
import Kernels
import TestSupport
import Tensors
import Testing

/// Operations on whole matrices: each element meets its own row, column and sample.
///
/// There are several chunks of rows and several samples. The kernels' arithmetic is tested by
/// `ElementwiseTests`.
@Suite struct MatrixOperationTests {
  /// Rows of a chunk are 65536 / 1152 = 56: two chunks a sample.
  static let (samples, tokens, columns) = (3, 65, 1152)
  static var rows: Int { samples * tokens }

  private func random(_ rows: Int, seed: Int) -> Matrix {
    var random = Generator(seed)
    return Matrix(
      rows: rows, columns: Self.columns, values: random.floats(rows * Self.columns, range: 3))
  }

  /// What `body` makes of each element's index, row, column and sample.
  private func expected(
    _ body: (_ index: Int, _ column: Int, _ sample: Int) -> Float
  ) -> Exact<UInt32> {
    bits(
      (0..<(Self.rows * Self.columns)).map {
        body($0, $0 % Self.columns, $0 / Self.columns / Self.tokens)
      })
  }

  /// What the scalar `kernel` makes of the elements, all at once.
  private func scalar(
    _ x: Matrix, _ kernel: (fpq_kernels, UnsafeMutablePointer<Float>) -> Void
  ) -> [Float] {
    var y = x.values
    kernel(fpq_kernels_of_tier(FPQ_TIER_SCALAR)!.pointee, &y)
    return y
  }

  @Test func activations() {
    let (x, factor, dy) = (
      random(Self.rows, seed: 1), random(Self.rows, seed: 2), random(Self.rows, seed: 3)
    )
    let gelu = scalar(x) { $0.gelu_tanh(x.count, $1, $1) }
    let silu = scalar(x) { $0.silu(x.count, $1, $1) }
    #expect(bits(x.gelu().values) == bits(gelu))
    #expect(bits(x.silu().values) == bits(silu))
    let exact = scalar(x) { $0.gelu_erf(x.count, $1, $1) }
    let (gated, activated, sigmoid, exactly) = (x.copy(), x.copy(), x.copy(), x.copy())
    exactly.applyExactGELU()
    #expect(bits(exactly.values) == bits(exact))
    activated.applyGELU()
    #expect(bits(activated.values) == bits(gelu))
    sigmoid.applySiLU()
    #expect(bits(sigmoid.values) == bits(silu))
    gated.applyGELU(times: factor)
    #expect(bits(gated.values) == expected { i, _, _ in gelu[i] * factor.pointer[i] })
    let gradient = scalar(dy) { $0.gelu_tanh_gradient(x.count, x.pointer, $1, $1) }
    dy.applyGELUGradient(at: x)
    #expect(bits(dy.values) == bits(gradient))
  }

  @Test func sums() {
    let (x, y, gate) = (random(Self.rows, seed: 4), random(Self.rows, seed: 5), random(3, seed: 6))
    let gated = expected { i, c, sample in
      let part = gate.row(sample)[c] * y.pointer[i]
      return part + x.pointer[i]
    }
    let plain = expected { i, _, _ in x.pointer[i] + y.pointer[i] }
    #expect(bits(x.adding(y, gate: gate).values) == gated)
    #expect(bits(x.adding(y).values) == plain)
    let (a, b) = (x.copy(), x.copy())
    a.add(y, gate: gate)
    #expect(bits(a.values) == gated)
    b.add(y)
    #expect(bits(b.values) == plain)
    #expect(
      bits(x.scaled(by: gate).values)
        == expected { i, c, sample in x.pointer[i] * gate.row(sample)[c] })
  }

  @Test func `part of every sample`() {
    let (x, part) = (random(Self.rows, seed: 7), random(Self.tokens, seed: 8))
    let sum = x.copy()
    sum.add(toEachSample: part)
    #expect(
      bits(sum.values)
        == expected { i, _, _ in x.pointer[i] + part.pointer[i % part.count] })
  }

  @Test func norms() {
    let (x, scale, shift) = (random(Self.rows, seed: 9), random(3, seed: 10), random(3, seed: 11))
    let one = fpq_kernels_of_tier(FPQ_TIER_SCALAR)!.pointee
    var (norm, root) = ([Float](), [Float]())
    let weight = scale.values.prefix(Self.columns)
    for row in 0..<Self.rows {
      var y = [Float](repeating: .nan, count: Self.columns)
      let sample = row / Self.tokens
      one.layer_norm(1, Self.columns, 1e-6, scale.row(sample), shift.row(sample), x.row(row), &y)
      norm += y
      one.rms_norm(1, Self.columns, 1e-6, Array(weight), x.row(row), &y)
      root += y
    }
    #expect(bits(adaptiveNorm(x, scale: scale, shift: shift, epsilon: 1e-6).values) == bits(norm))
    #expect(bits(rmsNorm(x, weight: Array(weight), epsilon: 1e-6).values) == bits(root))
  }

  /// The gradients add up over the rows of each sample, whatever the chunks.
  ///
  /// Compared with the sums of single rows in f64, from which they differ by their order.
  @Test func `norm gradients`() throws {
    let (x, dy, scale) = (
      random(Self.rows, seed: 12), random(Self.rows, seed: 13), random(3, seed: 14)
    )
    let one = fpq_kernels_of_tier(FPQ_TIER_SCALAR)!.pointee
    var dx: [Float] = []
    var sums = [[Double]](
      repeating: [Double](repeating: 0, count: 2 * Self.columns), count: Self.samples)
    for row in 0..<Self.rows {
      var y = [Float](repeating: .nan, count: Self.columns)
      let sample = row / Self.tokens
      sums[sample].withUnsafeMutableBufferPointer {
        one.layer_norm_gradient(
          1, Self.columns, 1e-6, scale.row(sample), x.row(row), dy.row(row), &y, $0.baseAddress,
          $0.baseAddress! + Self.columns)
      }
      dx += y
    }
    for wantsVectors in [false, true] {
      let found = adaptiveNormGradients(
        x, scale: scale, epsilon: 1e-6, dy: dy, wantsVectors: wantsVectors)
      #expect(bits(found.x.values) == bits(dx))
      guard wantsVectors else {
        #expect(found.vectors == nil)
        continue
      }
      let vectors = try #require(found.vectors)
      for sample in 0..<Self.samples {
        for c in 0..<Self.columns {
          for (vector, sum) in [
            (vectors.scale, sums[sample][c]), (vectors.shift, sums[sample][Self.columns + c]),
          ] {
            // One rounding to f32; 65 terms of up to 40 in f64.
            let bound = 0x1p-24 * abs(sum) + 65 * 65 * 40 * 0x1p-53
            #expect(abs(Double(vector.row(sample)[c]) - sum) <= bound)
          }
        }
      }
    }
  }

  @Test func `column sums of every sample`() {
    let (x, y) = (random(Self.rows, seed: 15), random(Self.rows, seed: 16))
    for factor in [nil, y] {
      let sums = columnSums(of: x, times: factor, batch: Self.samples)
      for sample in 0..<Self.samples {
        for c in stride(from: 0, to: Self.columns, by: 97) {
          let sum = (0..<Self.tokens).reduce(0.0) {
            let i = (sample * Self.tokens + $1) * Self.columns + c
            return $0 + Double(x.pointer[i]) * Double(factor?.pointer[i] ?? 1)
          }
          let bound = 0x1p-24 * abs(sum) + 65 * 65 * 9 * 0x1p-53
          #expect(abs(Double(sums.row(sample)[c]) - sum) <= bound)
        }
      }
    }
  }

  @Test func `Hadamard of every row`() {
    let x = random(Self.rows, seed: 17)
    let turned = scalar(x) { $0.hadamard(x.count, 128, $1) }
    x.applyHadamard(block: 128)
    #expect(bits(x.values) == bits(turned))
  }

  /// Both directions of an input's transform, over several chunks of rows.
  @Test func transforms() {
    var random = Generator(18)
    let smooth = random.floats(Self.columns).map { 0.1 + abs($0) }
    let center = random.floats(Self.columns)
    let x = self.random(Self.rows, seed: 19)
    let transform = InputTransform(center: center, smooth: smooth, hadamard: 64)
    let one = fpq_kernels_of_tier(FPQ_TIER_SCALAR)!.pointee
    let factor = smooth.map { 1 / $0 }
    let shift = zip(center, factor).map { -$0 * $1 }
    var (forward, back) = (x.values, x.values)
    one.scale_shift(Self.rows, Self.columns, factor, shift, x.pointer, &forward)
    one.hadamard(x.count, 64, &forward)
    one.hadamard(x.count, 64, &back)
    back.withUnsafeMutableBufferPointer {
      one.scale_shift(Self.rows, Self.columns, factor, nil, $0.baseAddress, $0.baseAddress)
    }
    #expect(bits(transform(x).values) == bits(forward))
    transform.pullBack(x)
    #expect(bits(x.values) == bits(back))
  }
}
