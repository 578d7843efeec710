import Formats
import Platform
import TestSupport
import Tensors
import Testing

private let names = ["e2m1", "e3m0", "e1m2", "e2m3", "e3m2", "e3m4", "e4m3", "int6", "int8"]

@Test func levelAndCodeAreInverse() throws {
  for name in names + ["int4", "int2", "e1m0", "e2m0", "e4m0", "e1m6"] {
    let format = try NumberFormat(name)
    for code in 0..<UInt8(clamping: 1 << format.bits) where code != format.signBit {
      #expect(format.code(level: format.decode(code)) == code, "\(name) \(code)")
    }
  }
}

@Test func nearestLevelIsNearestInTheCodebook() throws {
  for name in names {
    let format = try NumberFormat(name)
    let (low, high) = format.levels(zero: 0)
    for (index, (below, above)) in zip(format.magnitudes, format.magnitudes.dropFirst())
      .enumerated()
    {
      let middle = (Double(below) + Double(above)) / 2
      #expect(format.level(nearest: middle.nextDown, low: low, high: high) == below)
      #expect(format.level(nearest: middle.nextUp, low: low, high: high) == above)
      #expect(format.level(nearest: -middle.nextUp, low: low, high: high) == -above)
      let tie = format.level(nearest: middle, low: low, high: high)
      if name == "e3m0" {
        // One step a binade: half to even in steps of the binade (1.5 -> 2) goes up, except to 0.
        #expect(tie == (index == 0 ? 0 : above), "e3m0 \(middle)")
      } else {
        #expect(tie == (index % 2 == 0 ? below : above), "\(name) \(middle)")
      }
    }
    #expect(format.level(nearest: 1e30, low: low, high: high) == format.maxCode)
    #expect(format.level(nearest: -Double.infinity, low: low, high: high) == -format.maxCode)
    #expect(format.code(level: format.level(nearest: -0.1, low: low, high: high)) == 0)
  }
}

@Test func wideExponentsAreRefused() {
  #expect(throws: Failure("format e5m2: expected a name like e2m1 or int8")) {
    try NumberFormat("e5m2")
  }
}

/// The same bit patterns as ml_dtypes' small floats, whose values are ours times a fixed step.
@Test(arguments: [
  ("e2m1", "float4_e2m1fn", 0.5), ("e2m3", "float6_e2m3fn", 0.125),
  ("e3m2", "float6_e3m2fn", 0.0625), ("e3m4", "float8_e3m4", 0.015625),
  ("e4m3", "float8_e4m3fn", 0.001953125),
])
func decodesAsMinifloats(name: String, reference: String, step: Float) throws {
  let format = try NumberFormat(name)
  let golden = try References.tensors("minifloat/io.safetensors")
  let decoded = try golden.tensor("\(reference).decode").floats()
  #expect(decoded.count == 1 << format.bits)
  for (code, value) in decoded.enumerated() where value.isFinite {
    #expect(Float(format.decode(UInt8(code))) * step == value, "\(name) \(code)")
  }
}

@Test(arguments: [
  ("e2m1", "float4_e2m1fn", 0.5), ("e2m3", "float6_e2m3fn", 0.125),
  ("e3m2", "float6_e3m2fn", 0.0625),
])
func encodesAsMinifloats(name: String, reference: String, step: Double) throws {
  let format = try NumberFormat(name)
  let golden = try References.tensors("minifloat/io.safetensors")
  let bits = try golden.tensor("\(reference).encode_in_bits")
  let codes = [UInt8](try golden.tensor("\(reference).encode_code_saturated").bytes)
  let (low, high) = format.levels(zero: 0)
  for (index, expected) in codes.enumerated() {
    let word = bits.bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self)
    let value = Float(bitPattern: word)
    if value.isNaN { continue }
    let code = format.code(
      level: format.level(nearest: Double(value) / step, low: low, high: high))
    #expect(code == (expected == format.signBit ? 0 : expected), "\(name) \(value)")
  }
}
