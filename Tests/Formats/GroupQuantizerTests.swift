import Formats
import Platform
import TestSupport
import Tensors
import Testing

private func matrix(_ tensor: Tensor) throws -> Matrix {
  let columns = tensor.shape[tensor.shape.count - 1]
  return Matrix(rows: tensor.count / columns, columns: columns, values: try tensor.floats())
}

/// Codes equal where `near` is not 1, values within `relative` where the codes are equal.
private func expectEqual(
  codes: [UInt8], values: Matrix, expected: [UInt8], dequantized: [Float], near: [UInt8]?,
  relative: Float, _ name: String
) {
  var different = 0
  for index in expected.indices {
    if codes[index] != expected[index] {
      different += 1
      #expect(near.map { $0[index] == 1 } ?? true, "\(name): code \(index)")
    } else {
      let difference = abs(values.pointer[index] - dequantized[index])
      #expect(difference <= relative * abs(dequantized[index]), "\(name): value \(index)")
    }
  }
  // Where no mask is stored, case.json admits 1e-4 of the elements.
  if near == nil { #expect(different <= expected.count / 10000, "\(name): \(different) codes") }
}

@Test(arguments: ["E1M2", "E2M1", "E2M3", "E3M0", "E3M2", "E3M4", "E4M3"])
func quantizesAsFP4DiT(name: String) throws {
  let golden = try References.tensors("fp4dit-quant/io.safetensors")
  let format = try NumberFormat(name.lowercased())
  let weight = try matrix(golden.tensor("weight"))
  for groupSize in [128, 64, 32] {
    let scales = try GroupScales.absmax(
      of: weight, format: format, groupSize: groupSize, precision: .exact, smallestAbsmax: 1e-4,
      place: "weight")
    let codes = scales.codes(nearest: weight)
    let key = "\(name).g\(groupSize)"
    expectEqual(
      codes: codes, values: scales.values(of: codes),
      expected: [UInt8](try golden.tensor("\(key).code").bytes),
      dequantized: try golden.tensor("\(key).dequant").floats(),
      near: groupSize == 128 ? [UInt8](try golden.tensor("\(key).near_tie").bytes) : nil,
      relative: 3e-7, key)
  }
  for tokens in ["tokens2d", "tokens3d"] {
    let x = try matrix(golden.tensor(tokens))
    let scales = try GroupScales.absmax(
      of: x, format: format, groupSize: x.columns, precision: .exact, smallestAbsmax: 1e-4,
      place: tokens)
    let codes = scales.codes(nearest: x)
    let key = "\(name).\(tokens)"
    expectEqual(
      codes: codes, values: scales.values(of: codes),
      expected: [UInt8](try golden.tensor("\(key).code").bytes),
      dequantized: try golden.tensor("\(key).dequant").floats(), near: nil, relative: 3e-7, key)
  }
  let grid = try golden.tensor("\(name).grid").floats()
  for (value, level) in zip(grid, format.magnitudes) {
    #expect(abs(value * Float(format.maxCode) - Float(level)) <= 3e-7 * Float(level))
  }
}

@Test(arguments: [128, 64])
func quantizesAsAsymmetricINT4(groupSize: Int) throws {
  let golden = try References.tensors("int4-rtn/io.safetensors")
  let weight = try matrix(golden.tensor("weight"))
  let scales = try GroupScales.absmax(
    of: weight, format: NumberFormat("int4"), groupSize: groupSize, precision: .exact,
    place: "weight")
  let key = "g\(groupSize).incl0"
  let goldenScales = try golden.tensor("\(key).scale").floats()
  let goldenZeros = try golden.tensor("\(key).zero").floats()
  var codes = scales.codes(nearest: weight)
  let expected = [UInt8](try golden.tensor("\(key).code").bytes)
  for (index, scale) in scales.scales.enumerated() {
    if scale == 0 {
      // Our group of zeros has scale, zero point and codes 0; GPTQ's rule gives the same values by -1...1 and codes 8.
      for k in scales.range(index % scales.groups) {
        let at = index / scales.groups * weight.columns + k
        #expect(codes[at] == 0)
        codes[at] = expected[at]
      }
    } else {
      #expect(Float(scale) == goldenScales[index])
      #expect(Float(scales.zeros[index]) == goldenZeros[index])
    }
  }
  let near = [UInt8](try golden.tensor("\(key).near_tie").bytes)
  expectEqual(
    codes: codes, values: scales.values(of: codes), expected: expected,
    dequantized: try golden.tensor("\(key).dequant").floats(), near: near, relative: 3e-7, key)
}

@Test func scalesAreStoredBeforeCodesAreChosen() throws {
  let weight = Matrix(rows: 1, columns: 4, values: [0.3, -0.1, 0.05, 0.0251])
  let quantized = try GroupQuantizer(format: NumberFormat("e2m1"), groupSize: 3)
    .quantize(weight, place: "w")
  let scale = Float16(Float(0.3) / 12)
  #expect(quantized.scales == [scale, Float16(Float(0.0251) / 12)])
  // -.1 / .025 = -4 has code 4 and the sign bit is 8; .05 / .025 = 2 has code 2; the largest level, 12, has code 7.
  #expect(quantized.codes == [7, 12, 2, 7])
  #expect(
    quantized.dequantized().values
      == [12 * Float(scale), -4 * Float(scale), 2 * Float(scale), 12 * Float(quantized.scales[1])])
}

@Test func extremeScalesNeitherVanishNorOverflow() throws {
  for name in ["e2m1", "int4", "e4m3"] {
    let format = try NumberFormat(name)
    let tiny = Matrix(rows: 1, columns: 2, values: [1e-30, -1e-38])
    let small = try GroupQuantizer(format: format, groupSize: 2).quantize(tiny, place: "w")
    #expect(small.scales == [Float16.leastNonzeroMagnitude])
    #expect(small.dequantized().values == [0, 0])
    let large = Matrix(rows: 1, columns: 2, values: [3e38, 1])
    let huge = try GroupQuantizer(format: format, groupSize: 2).quantize(large, place: "w")
    #expect(huge.scales == [Float16.greatestFiniteMagnitude])
    #expect(huge.dequantized().values == [Float(format.maxCode) * 65504, 0])
    let zero = Matrix(rows: 1, columns: 2, values: [0, -0.0])
    let none = try GroupQuantizer(format: format, groupSize: 2).quantize(zero, place: "w")
    #expect(none.scales == [0])
    #expect(none.codes == [0, 0])
    #expect(none.dequantized().values.allSatisfy { $0 == 0 && $0.sign == .plus })
  }
}

@Test func brokenWeightsAreRefused() throws {
  let quantizer = try GroupQuantizer(format: NumberFormat("e2m1"), groupSize: 2)
  for value in [Float.nan, .infinity, -.infinity] {
    let weight = Matrix(rows: 2, columns: 2, values: [1, 2, 3, value])
    #expect(throws: Failure("m: w", "expected finite weights, found \(value) at [1][1]")) {
      try quantizer.quantize(weight, place: "m: w")
    }
  }
  #expect(throws: Failure("group size: expected 1 to 1048576, found 0")) {
    try GroupQuantizer(format: NumberFormat("e2m1"), groupSize: 0)
  }
}

@Test func damagedQuantizedMatricesAreRefused() throws {
  let format = try NumberFormat("e2m1")
  func read(codes: [UInt8] = [0, 1, 2], scales: [Float16] = [1, 1], zeros: [UInt8] = []) throws {
    _ = try QuantizedMatrix(
      format: format, rows: 1, columns: 3, groupSize: 2, codes: codes, scales: scales,
      zeros: zeros, place: "f: w")
  }
  try read()
  #expect(throws: Failure("f: w", "expected codes [1][3], found 2")) { try read(codes: [0, 1]) }
  #expect(throws: Failure("f: w", "expected codes of e2m1, 0 to 15, found 16")) {
    try read(codes: [0, 16, 2])
  }
  #expect(throws: Failure("f: w", "expected scales [1][2], found 1")) { try read(scales: [1]) }
  #expect(throws: Failure("f: w", "expected scales of at least 0, found inf")) {
    try read(scales: [1, .infinity])
  }
  #expect(throws: Failure("f: w", "expected zero points for asymmetric formats only, found 2")) {
    try read(zeros: [0, 0])
  }
}

@Test func nibblesHoldEvenColumnsLow() throws {
  let codes: [UInt8] = [1, 2, 3, 15, 0, 9]
  let packed = PackedCodes.packNibbles(codes, rows: 2, columns: 3)
  #expect(packed == [0x21, 0x03, 0x0F, 0x09])
  #expect(try PackedCodes.unpackNibbles(packed, rows: 2, columns: 3, place: "w") == codes)
  #expect(
    throws: Failure("w", "expected 2 rows of 2 bytes of packed codes, found 3 bytes")
  ) {
    try PackedCodes.unpackNibbles([0, 0, 0], rows: 2, columns: 3, place: "w")
  }
}

@Test func bitsPerWeightCountScalesAndZeroPoints() throws {
  #expect(try NumberFormat("e2m1").bitsPerWeight(columns: 1152, groupSize: 128) == 4.125)
  #expect(try NumberFormat("int4").bitsPerWeight(columns: 1152, groupSize: 128) == 4.15625)
  #expect(try NumberFormat("e2m1").bitsPerWeight(columns: 3, groupSize: 2) == 4 + 32.0 / 3)
}
