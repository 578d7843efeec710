import Platform
import Tensors
import Testing

@Suite struct MatrixTests {
  @Test func `memory is never shared by living matrices`() {
    // Above the size from which memory is kept; freed and asked for again by several threads at
    // once.
    let size = 1 << 19
    Parallel.forEach(64) { index in
      let first = Matrix(rows: 1, columns: size)
      let second = Matrix(rows: 2, columns: size / 2)
      first.pointer.update(repeating: Float(index), count: size)
      second.pointer.update(repeating: -1, count: size)
      #expect(first.pointer != second.pointer)
      #expect(first.pointer[0] == Float(index) && first.pointer[size - 1] == Float(index))
      withExtendedLifetime((first, second)) {}
    }
  }

  @Test func `zeroed memory is zero after reuse`() {
    let size = 1 << 19
    for _ in 0..<4 {
      let used = Matrix(rows: 1, columns: size)
      used.pointer.update(repeating: .nan, count: size)
    }
    #expect(Matrix(rows: 1, columns: size, zeroed: true).values.allSatisfy { $0 == 0 })
  }

  @Test func `memory is aligned`() {
    for columns in [1, 3, 1 << 18, (1 << 20) + 1] {
      let matrix = Matrix(rows: 1, columns: columns)
      #expect(Int(bitPattern: matrix.pointer) % 64 == 0)
      withExtendedLifetime(matrix) {}
    }
  }
}
