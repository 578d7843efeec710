import Platform
import Tensors
import TestSupport
import Testing

/// NaN and infinity are found wherever they stand, in every type that has them, and nothing else is.
struct FiniteTests {
  private func isFinite(_ tensor: Tensor) -> Bool {
    do { try tensor.requireFinite() } catch { return false }
    return true
  }

  @Test(arguments: [1, 7, 64, 1000, (1 << 20) + 3, 3 << 20])
  func `in F32 and F64, at the ends and in the middle`(_ count: Int) {
    var values = [Float](repeating: -.greatestFiniteMagnitude, count: count)
    func tensor() -> Tensor { Tensor(name: "w", dtype: .f32, shape: [count], values: values) }
    #expect(isFinite(tensor()))
    #expect(Matrix(rows: 1, columns: count, values: values).isFinite)
    for index in Set([0, count / 2, count - 1]) {
      for bad in [Float.nan, -.infinity, .infinity, Float(bitPattern: 0xFF80_0001)] {
        values[index] = bad
        #expect(!isFinite(tensor()))
        #expect(!Matrix(rows: 1, columns: count, values: values).isFinite)
        let doubles = Tensor(
          name: "w", dtype: .f64, shape: [count], values: values.map { Double($0) })
        #expect(!isFinite(doubles))
        values[index] = .leastNonzeroMagnitude
      }
    }
    #expect(isFinite(tensor()))
  }

  /// Every code of the 16-bit types, by the definition of their bits: an exponent of ones.
  @Test(arguments: [(DType.f16, 0x7C00 as UInt16), (.bf16, 0x7F80)])
  func `every code of 16 bits`(_ dtype: DType, _ exponent: UInt16) {
    for bits in UInt16.min...UInt16.max {
      let tensor = Tensor(name: "w", dtype: dtype, shape: [3], values: [0, bits, 1])
      #expect(isFinite(tensor) == (bits & exponent != exponent), "\(bits)")
    }
  }

  @Test func `by name and place`() {
    let tensor = Tensor(name: "w", dtype: .f32, shape: [2, 2], values: [0, 1, 2, Float.nan])
    #expect(
      throws: Failure("<memory>: w", "expected finite numbers, found NaN or infinity at 3")
    ) { try FiniteTensors(MemorySource(tensors: [tensor])).tensor("w") }
  }
}
