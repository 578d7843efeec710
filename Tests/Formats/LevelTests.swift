import Formats
import Platform
import TestSupport
import Tensors
import Testing

private let names = ["e2m1", "e3m0", "e1m2", "e2m3", "e3m2", "e3m4", "e4m3", "int6", "int8"]

@Test func `level and code are inverse`() throws {
  for name in names + ["int4", "int2", "e1m0", "e2m0", "e4m0", "e1m6", "lloyd4", "ue2m4", "uint8"] {
    let format = try NumberFormat(name)
    for code in 0..<UInt8(clamping: 1 << format.bits) {
      // Of two zeros the positive one is meant.
      let expected = format.isSigned && !format.hasZeroPoints && code == format.signBit ? 0 : code
      #expect(
        format.code(level: format.decode(code)) == (name == "lloyd4" ? code : expected),
        "\(name) \(code)")
    }
  }
}

@Test func `nearest level is nearest in the codebook`() throws {
  for name in names {
    let format = try NumberFormat(name)
    let table = format.levels()
    let magnitudes = format.codebook[..<Int(format.signBit)]
    for (index, (below, above)) in zip(magnitudes, magnitudes.dropFirst()).enumerated() {
      let middle = (Double(below) + Double(above)) / 2
      #expect(table.nearest(middle.nextDown) == below)
      #expect(table.nearest(middle.nextUp) == above)
      #expect(table.nearest(-middle.nextUp) == -above)
      let tie = table.nearest(middle)
      if name == "e3m0" {
        // One step a binade: half to even in steps of the binade (1.5 -> 2) goes up, except to 0.
        #expect(tie == (index == 0 ? 0 : above), "e3m0 \(middle)")
      } else {
        #expect(tie == (index % 2 == 0 ? below : above), "\(name) \(middle)")
      }
    }
    #expect(table.nearest(1e30) == format.maxCode)
    #expect(table.nearest(-Double.infinity) == -format.maxCode)
    #expect(format.code(level: table.nearest(-0.1)) == 0)
  }
}

@Test func `wide exponents are refused`() {
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
func `decodes as minifloats`(name: String, reference: String, step: Float) throws {
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
func `encodes as minifloats`(name: String, reference: String, step: Double) throws {
  let format = try NumberFormat(name)
  let golden = try References.tensors("minifloat/io.safetensors")
  let bits = try golden.tensor("\(reference).encode_in_bits")
  let codes = [UInt8](try golden.tensor("\(reference).encode_code_saturated").bytes)
  let table = format.levels()
  for (index, expected) in codes.enumerated() {
    let word = bits.bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self)
    let value = Float(bitPattern: word)
    if value.isNaN { continue }
    let code = format.code(
      level: table.nearest(Double(value) / step))
    #expect(code == (expected == format.signBit ? 0 : expected), "\(name) \(value)")
  }
}

/// Lloyd's conditions: with the levels as they stand, each is the mean of the values nearest to it
/// (of normal weights in groups of 64 and the best scale of 25 clips and both signs), within the
/// rounding to integers.
@Test func `Lloyd levels are their cells means`() throws {
  let format = try NumberFormat("lloyd4")
  let table = format.levels()
  #expect(table.levels == format.codebook && format.maxCode == 64)
  var random = Generator(1)
  var (sums, weights) = ([Double](repeating: 0, count: 16), [Double](repeating: 0, count: 16))
  for _ in 0..<4000 {
    let group = (0..<64).map { _ in random.normal() }
    let largest = group.map(abs).max() ?? 1
    var best = (error: Double.infinity, scale: 1.0)
    for clip in 0..<25 {
      for sign in [1.0, -1] {
        let scale = sign * (0.5 + 0.025 * Double(clip)) * largest / 64
        let error = group.reduce(0) {
          let e = Double(table.nearest($1 / scale)) * scale - $1
          return $0 + e * e
        }
        if error < best.error { best = (error, scale) }
      }
    }
    for value in group {
      let index = table.index(nearest: value / best.scale)
      sums[index] += value * best.scale
      weights[index] += best.scale * best.scale
    }
  }
  for (index, level) in table.levels.enumerated() {
    // Half a unit for the rounding, as much again for the neighbours' rounding and the sample.
    #expect(abs(sums[index] / weights[index] - Double(level)) < 1, "\(level)")
  }
}

@Test func `float8 scales round as minifloats`() throws {
  let golden = try References.tensors("minifloat/io.safetensors")
  let bits = try golden.tensor("float8_e4m3fn.encode_in_bits")
  let codes = [UInt8](try golden.tensor("float8_e4m3fn.encode_code_saturated").bytes)
  var compared = 0
  for (index, expected) in codes.enumerated() {
    let value = Float(
      bitPattern: bits.bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
    guard value.isFinite, value.sign == .plus else { continue }
    compared += 1
    #expect(Float8E4M3.bits(Float8E4M3.rounded(Double(value))) == expected, "\(value)")
  }
  #expect(compared > 100)
}
