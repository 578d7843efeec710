import Gradients
import Tensors
import Testing

/// What a tape does with gradients, whatever the operations are.
@Suite struct TapeTests {
  private func matrix(_ values: [Float]) -> Matrix {
    Matrix(rows: 1, columns: values.count, values: values)
  }

  @Test func `only wanted gradients are computed`() {
    for wanted in 0..<8 {
      let v = (0..<3).map { index in
        Variable(
          index == 2 ? point(1, 4, seed: 2) : point(4, 4, seed: index),
          wantsGradient: wanted >> index & 1 == 1)
      }
      let tape = Tape()
      let y = tape.linear(v[0], weight: v[1], bias: v[2])
      #expect((y.gradient != nil) == (wanted != 0))
      tape.backward(from: y, gradient: point(4, 4, seed: 9))
      for index in 0..<3 {
        #expect((v[index].gradient?.matrix != nil) == (wanted >> index & 1 == 1))
      }
      #expect(y.gradient?.matrix == nil, "results lose their gradients on the way")
    }
  }

  /// y = x + g (x + x): a variable that is read three times gets 1 + 2g of each part.
  @Test func `parts of one variable add up`() {
    let x = Variable(matrix([1, 2, 3]), wantsGradient: true)
    let tape = Tape()
    let doubled = tape.residual(x, x, gate: nil)
    let y = tape.residual(x, doubled, gate: Variable(matrix([2, 4, 8])))
    #expect(y.value.values == [5, 18, 51])
    tape.backward(from: y, gradient: matrix([1, 10, 100]))
    #expect(x.gradient?.matrix?.values == [5, 90, 1700])
  }

  /// Parameters keep the sum over tapes until it is taken; the seed is left as it was.
  @Test func `gradients add up over tapes`() {
    let (x, seed) = (Variable(matrix([1, 2]), wantsGradient: true), matrix([1, 3]))
    for _ in 0..<3 {
      let tape = Tape()
      tape.backward(
        from: tape.residual(x, Variable(matrix([5, 5])), gate: nil), gradient: seed)
    }
    #expect(seed.values == [1, 3])
    #expect(x.gradient?.take()?.values == [3, 9])
    #expect(x.gradient?.matrix == nil)
  }

  /// A result that the loss does not depend on gets nothing and hands nothing on.
  @Test func `other branches are left alone`() {
    let (x, other) = (
      Variable(matrix([1, 2]), wantsGradient: true), Variable(matrix([3, 4]), wantsGradient: true)
    )
    let tape = Tape()
    _ = tape.gelu(other)
    let y = tape.residual(x, x, gate: nil)
    tape.backward(from: y, gradient: matrix([1, 1]))
    #expect(other.gradient?.matrix == nil)
    #expect(x.gradient?.matrix?.values == [2, 2])
  }
}
