import Foundation
import Platform
import Tensors
import TestSupport
import Testing

private func floats<T: BitwiseCopyable>(_ dtype: DType, _ values: [T]) throws -> [Float] {
  try Tensor(name: "x", dtype: dtype, shape: [values.count], values: values).floats()
}

private func sameBits(_ a: [Float], _ b: [Float]) -> Bool {
  a.count == b.count
    && zip(a, b).allSatisfy { $0.isNaN && $1.isNaN || $0.bitPattern == $1.bitPattern }
}

@Test(arguments: [
  (DType.f8e4m3, "float8_e4m3fn"), (.f8e5m2, "float8_e5m2"), (.f8e8m0, "float8_e8m0fnu"),
])
func `every code of eight bits as ML dtypes reads it`(_ dtype: DType, _ name: String) throws {
  let golden = try References.tensors("minifloat/io.safetensors").tensor("\(name).decode").floats()
  #expect(sameBits(try floats(dtype, (0..<256).map { UInt8($0) }), golden))
}

/// The FNUZ formats: one more in the exponent's bias, so half the value; only 0x80 is NaN; no
/// infinity.
@Test func `fnuz codes are half the others`() throws {
  let codes = (0..<256).map { UInt8($0) }
  for (fnuz, plain, special) in [
    (DType.f8e4m3fnuz, DType.f8e4m3, 0x7F), (.f8e5m2fnuz, .f8e5m2, 0x7C),
  ] {
    let (values, others) = (try floats(fnuz, codes), try floats(plain, codes))
    for code in 0..<256 where code & 0x7F < special && code != 0x80 {
      #expect(values[code] == others[code] / 2)
    }
    #expect(values[0x80].isNaN)
    #expect(values.filter { !$0.isFinite }.count == 1)
  }
  // The largest values, from the OCP and Graphcore format tables.
  #expect(try floats(.f8e4m3fnuz, [UInt8(0x7F)]) == [240])
  #expect(try floats(.f8e5m2fnuz, [UInt8(0x7F)]) == [57344])
}

@Test func `every half as the processor reads it`() throws {
  let codes = (0...UInt16.max).map { $0 }
  #expect(sameBits(try floats(.f16, codes), codes.map { Float(Float16(bitPattern: $0)) }))
  let io = try References.tensors("minifloat/io.safetensors")
  for name in ["f16", "bf16"] {
    let bits = try io.tensor("half.\(name)_bits")
    let halves = Tensor(
      name: name, dtype: name == "f16" ? .f16 : .bf16, shape: bits.shape, origin: bits.origin,
      storage: bits.storage, range: bits.range)
    #expect(sameBits(try halves.floats(), try io.tensor("half.\(name)_back").floats()))
  }
}

@Test func `integers and doubles round to nearest`() throws {
  #expect(try floats(.f64, [0.1, -1e300, 1e-50]) == [0.1, -.infinity, 0])
  #expect(try floats(.i64, [Int64.min, 16_777_217]) == [-0x1p63, 16_777_216])
  #expect(try floats(.u64, [UInt64.max]) == [0x1p64])
  #expect(try floats(.i32, [Int32.min, -1]) == [-0x1p31, -1])
  #expect(try floats(.u32, [UInt32.max]) == [0x1p32])
  #expect(try floats(.i16, [Int16.min]) == [-32768])
  #expect(try floats(.u16, [UInt16.max]) == [65535])
  #expect(try floats(.i8, [Int8.min]) == [-128])
  #expect(try floats(.bool, [UInt8(0), 1]) == [0, 1])
}

@Test func `parts of a tensor and unaligned data`() throws {
  let file = try References.tensors("safetensors-hostile/ok_unaligned.safetensors")
  let tensor = try file.tensor("f")
  let all = try tensor.floats()
  var last: Float = 0
  try tensor.copyFloats(1..<2, to: &last)
  #expect(last == all[1])
  let empty = try References.tensors("safetensors-hostile/ok_scalar_and_empty.safetensors")
  #expect(try empty.tensor("e").floats().isEmpty)
  #expect(try empty.tensor("s").floats().count == 1)
}

@Test func `types without a number a byte are refused by name`() throws {
  let file = try References.tensors("safetensors-hostile/ok_f4_packed.safetensors")
  #expect(throws: Failure("\(file.path): x", "expected numbers of 8 bits or more, found F4")) {
    try file.tensor("x").floats()
  }
}
