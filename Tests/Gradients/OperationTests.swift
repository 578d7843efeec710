import Gradients
import Kernels
import Models
import Tensors
import TestSupport
import Testing

/// The gradient of every operation against finite differences of its own forward pass.
@Suite struct OperationTests {
  /// Sums of 20 (forward) and 9 (backward) products.
  @Test func linear() {
    let check = GradientCheck(
      operands: [point(9, 20, seed: 1), point(12, 20, seed: 2), point(1, 12, seed: 3)],
      roundings: 21
    ) { tape, v in tape.linear(v[0], weight: v[1], bias: v[2]) }
    check.expectAgreement()
  }

  @Test func `linear without bias`() {
    let check = GradientCheck(
      operands: [point(9, 20, seed: 4), point(12, 20, seed: 5)], roundings: 21
    ) { tape, v in tape.linear(v[0], weight: v[1], bias: nil) }
    check.expectAgreement()
  }

  /// A block of 8 is summed in three stages, between a multiplication and an addition.
  @Test func transform() {
    let center = point(1, 24, seed: 31).values
    let smooth = point(1, 24, seed: 32).values.map { 1.5 + $0 }
    for transform in [
      InputTransform(center: center, smooth: smooth, hadamard: 8),
      InputTransform(center: center), InputTransform(smooth: smooth), InputTransform(hadamard: 4),
    ] {
      let check = GradientCheck(operands: [point(9, 24, seed: 33)], roundings: 6) { tape, v in
        tape.transform(v[0], by: transform)
      }
      check.expectAgreement()
    }
  }

  /// A row of 40 is summed over sixteen lanes, twice, with some ten operations around it.
  @Test func `layer norm`() {
    let check = GradientCheck(
      operands: [point(10, 40, seed: 6, range: 2), point(2, 40, seed: 7), point(2, 40, seed: 8)],
      roundings: 24
    ) { tape, v in tape.layerNorm(v[0], scale: v[1], shift: v[2], epsilon: 0.25) }
    check.expectAgreement(step: 0x1p-4)
  }

  /// Thirteen roundings by ElementwiseTests.gelu and GradientKernelTests.gelu at |u| of 3.
  @Test func gelu() {
    let check = GradientCheck(operands: [point(17, 33, seed: 9, range: 3)], roundings: 48) {
      tape, v in tape.gelu(v[0])
    }
    check.expectAgreement(step: 0x1p-4)
  }

  /// A vector that no sample adds to: its gradient is the sum over the samples, of three.
  @Test func `vector of a table`() {
    let check = GradientCheck(operands: [point(2, 24, seed: 61)], roundings: 4) { tape, v in
      tape.modulation(table: v[0], row: 1, vectors: nil, part: 0, addsOne: false, batch: 3)
    }
    check.expectAgreement()
  }

  /// Two products and a sum, both ways.
  @Test func rotate() {
    let angles = (0..<5).map { token in (0..<4).map { Float(token * 7 + $0 * 3) / 5 } }
    let positions = RotaryEmbedding(angles: angles)
    let check = GradientCheck(operands: [point(10, 24, seed: 62)], roundings: 6) { tape, v in
      tape.rotate(v[0], by: positions)
    }
    check.expectAgreement()
  }

  @Test func `concatenate and reshape`() {
    let operands = [point(6, 8, seed: 63), point(6, 12, seed: 64)]
    GradientCheck(operands: operands, roundings: 2) { tape, v in
      tape.reshape(tape.concatenate(v[0], v[1]), columns: 5)
    }.expectAgreement()
  }

  @Test func residual() {
    let operands = [point(10, 24, seed: 10), point(10, 24, seed: 11), point(2, 24, seed: 12)]
    GradientCheck(operands: operands, roundings: 6) { tape, v in
      tape.residual(v[0], v[1], gate: v[2])
    }.expectAgreement()
    GradientCheck(operands: Array(operands[..<2]), roundings: 2) { tape, v in
      tape.residual(v[0], v[1], gate: nil)
    }.expectAgreement()
  }

  /// Seventy queries are two tiles; sums of 4 (logits), 9 to 70 (keys) and 70 (queries) products,
  /// and the softmax's own.
  @Test(arguments: [(70, 9), (70, 70)], [false, true])
  func attention(lengths: (queries: Int, keys: Int), hasBias: Bool) {
    let (queries, keys) = lengths
    let bias = point(2, keys, seed: 13)
    // Padding of one sample.
    for key in (keys - 3)..<keys { bias.row(1)[key] = -10000 }
    let check = GradientCheck(
      operands: [
        point(2 * queries, 12, seed: 14), point(2 * keys, 12, seed: 15),
        point(2 * keys, 12, seed: 16),
      ], roundings: 80
    ) { tape, v in
      tape.attention(
        q: v[0], k: v[1], v: v[2], batch: 2, heads: 3, scale: 0.5, keyBias: hasBias ? bias : nil)
    }
    check.expectAgreement()
  }

  /// Vectors of a sample get sums over 600 tokens, three chunks of rows: f64 sums of the same
  /// numbers, rounded once.
  ///
  /// Operands are multiples of 2^-12, so products of two and their sums are exact in f64, in any
  /// order.
  @Test func `sums over many chunks`() throws {
    let (batch, tokens, width) = (2, 600, 256)
    let (x, branch) = (point(batch * tokens, width, seed: 1), point(batch * tokens, width, seed: 2))
    let gate = Variable(point(batch, width, seed: 3), wantsGradient: true)
    let bias = Variable(point(1, width, seed: 4), wantsGradient: true)
    let shift = Variable(point(batch, width, seed: 5), wantsGradient: true)
    let dy = point(batch * tokens, width, seed: 6)
    for record in [
      { tape in tape.residual(Variable(x), Variable(branch), gate: gate) },
      { tape in
        tape.linear(
          Variable(point(batch * tokens, 3, seed: 7)), weight: Variable(point(width, 3, seed: 8)),
          bias: bias)
      },
      { tape in
        tape.layerNorm(Variable(x), scale: Variable(gate.value), shift: shift, epsilon: 1e-6)
      },
    ] as [(Tape) -> Variable] {
      let tape = Tape()
      tape.backward(from: record(tape), gradient: dy)
    }
    var (sums, dots) = ([Float](), [Float]())
    var whole = [Double](repeating: 0, count: width)
    for sample in 0..<batch {
      for c in 0..<width {
        var (sum, dot) = (0.0, 0.0)
        for row in (sample * tokens)..<((sample + 1) * tokens) {
          sum += Double(dy.row(row)[c])
          dot += Double(dy.row(row)[c]) * Double(branch.row(row)[c])
        }
        sums.append(Float(sum))
        dots.append(Float(dot))
        whole[c] += sum
      }
    }
    #expect(largestDifference(gate.gradient?.matrix?.values ?? [], dots) == 0)
    #expect(largestDifference(shift.gradient?.matrix?.values ?? [], sums) == 0)
    #expect(largestDifference(bias.gradient?.matrix?.values ?? [], whole.map { Float($0) }) == 0)
  }

  /// Which elements of the table and of the vectors take part: the others must get 0.
  @Test(arguments: [false, true])
  func modulation(addsOne: Bool) throws {
    let operands = [point(6, 20, seed: 17), point(3, 60, seed: 18)]
    let (table, vectors) = (
      Variable(operands[0], wantsGradient: true), Variable(operands[1], wantsGradient: true)
    )
    let tape = Tape()
    let y = tape.modulation(
      table: table, row: 4, vectors: vectors, part: 1, addsOne: addsOne, batch: 3)
    let dy = point(3, 20, seed: 19)
    tape.backward(from: y, gradient: dy)
    let (dtable, dvectors) = try (
      #require(table.gradient?.matrix), #require(vectors.gradient?.matrix)
    )
    for sample in 0..<3 {
      for c in 0..<60 {
        let inside = (20..<40).contains(c)
        #expect(dvectors.row(sample)[c] == (inside ? dy.row(sample)[c - 20] : 0))
        guard inside else { continue }
        let sum = operands[0].row(4)[c - 20] + operands[1].row(sample)[c]
        #expect(y.value.row(sample)[c - 20] == sum + (addsOne ? 1 : 0))
      }
    }
    for row in 0..<6 {
      for c in 0..<20 {
        // Multiples of 2^-12: the sum is exact.
        let sum = dy.row(0)[c] + dy.row(1)[c] + dy.row(2)[c]
        #expect(dtable.row(row)[c] == (row == 4 ? sum : 0))
      }
    }
  }

  /// A permutation: the gradient of sum(R y) is R in the order of the rows, which `unpatchify` must
  /// bring back.
  @Test func unpatchify() throws {
    let grid = PatchGrid(samples: 2, height: 3, width: 5, patch: 2)
    let x = Variable(point(30, 12, seed: 20), wantsGradient: true)
    let tape = Tape()
    let y = tape.unpatchify(x, grid: grid, channels: 3)
    #expect(y.value.rows == 6 && y.value.columns == 60)
    #expect(y.value.values == grid.unpatchify(x.value, channels: 3).values)
    tape.backward(from: y, gradient: y.value)
    #expect(x.gradient?.matrix?.values == x.value.values)
  }

  /// The check itself must see a gradient that is wrong by a fiftieth of its length.
  @Test func `a wrong gradient is seen`() {
    let check = GradientCheck(
      operands: [point(9, 20, seed: 1), point(12, 20, seed: 2)], roundings: 21
    ) { tape, v in
      // One of 9 rows, a third of the length, counts for 6 % less in the weight's gradient.
      let cut = Matrix(rows: 9, columns: 20, values: v[0].value.values)
      if v[1].gradient != nil { for c in 0..<20 { cut.row(8)[c] *= 0.94 } }
      return tape.linear(Variable(cut), weight: v[1], bias: nil)
    }
    let found = (0..<4).map { check.compare(1, step: 0.125, seed: $0) }
    #expect(found.contains { !$0.isClose })
  }
}
