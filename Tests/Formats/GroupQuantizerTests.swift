import Formats
import Platform
import Streams
import Tensors
import TestSupport
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
func `quantizes as FP4DiT`(name: String) throws {
  let golden = try References.tensors("fp4dit-quant/io.safetensors")
  let format = try NumberFormat(name.lowercased())
  let weight = try matrix(golden.tensor("weight"))
  for groupSize in [128, 64, 32] {
    let scales = try GroupScales.absmax(
      of: weight, WeightLayout(format, .groups(of: groupSize)), precision: .exact,
      smallestAbsmax: 1e-4, place: "weight")
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
      of: x, WeightLayout(format, .row), precision: .exact, smallestAbsmax: 1e-4,
      place: tokens)
    let codes = scales.codes(nearest: x)
    let key = "\(name).\(tokens)"
    expectEqual(
      codes: codes, values: scales.values(of: codes),
      expected: [UInt8](try golden.tensor("\(key).code").bytes),
      dequantized: try golden.tensor("\(key).dequant").floats(), near: nil, relative: 3e-7, key)
  }
  let grid = try golden.tensor("\(name).grid").floats()
  for (value, level) in zip(grid, format.codebook) {
    #expect(abs(value * Float(format.maxCode) - Float(level)) <= 3e-7 * Float(level))
  }
}

@Test(arguments: [128, 64])
func `quantizes as INT4 with zero points`(groupSize: Int) throws {
  let golden = try References.tensors("int4-rtn/io.safetensors")
  let weight = try matrix(golden.tensor("weight"))
  let scales = try GroupScales.absmax(
    of: weight, WeightLayout(NumberFormat("int4"), .groups(of: groupSize)), precision: .exact,
    place: "weight")
  let key = "g\(groupSize).incl0"
  let goldenScales = try golden.tensor("\(key).scale").floats()
  let goldenZeros = try golden.tensor("\(key).zero").floats()
  var codes = scales.codes(nearest: weight)
  let expected = [UInt8](try golden.tensor("\(key).code").bytes)
  for (index, scale) in scales.scales.enumerated() {
    if scale == 0 {
      // Our group of zeros has scale, zero point and codes 0; GPTQ's rule gives the same values by
      // -1...1 and codes 8.
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

private func nearest(
  _ weight: Matrix, _ format: String, groupSize: Int, scales: ScaleStorage = .f16,
  precision: GroupScales.Precision = .stored(global: 1)
) throws -> QuantizedMatrix {
  QuantizedMatrix(
    nearest: weight,
    scales: try GroupScales.absmax(
      of: weight, WeightLayout(NumberFormat(format), .groups(of: groupSize), scales: scales),
      precision: precision, place: "m: w"))
}

@Test func `scales are stored before codes are chosen`() throws {
  let weight = Matrix(rows: 1, columns: 4, values: [0.3, -0.1, 0.05, 0.0251])
  let quantized = try nearest(weight, "e2m1", groupSize: 3)
  let scales = [Double(Float16(Float(0.3) / 12)), Double(Float16(Float(0.0251) / 12))]
  #expect(quantized.scales.scales == scales)
  // -.1 / .025 = -4 has code 4 and the sign bit is 8; .05 / .025 = 2 has code 2; the largest level,
  // 12, has code 7.
  #expect(quantized.codes == [7, 12, 2, 7])
  #expect(
    quantized.dequantized().values
      == [12, -4, 2, 12].enumerated().map { Float($1 * scales[$0 / 3]) })
}

@Test func `extreme scales neither vanish nor overflow`() throws {
  for name in ["e2m1", "int4", "e4m3"] {
    let largest = Float(try NumberFormat(name).maxCode)
    let tiny = Matrix(rows: 1, columns: 2, values: [1e-30, -1e-38])
    let small = try nearest(tiny, name, groupSize: 2)
    #expect(small.scales.scales == [Double(Float16.leastNonzeroMagnitude)])
    #expect(small.dequantized().values == [0, 0])
    let large = Matrix(rows: 1, columns: 2, values: [3e38, 1])
    let huge = try nearest(large, name, groupSize: 2)
    #expect(huge.scales.scales == [Double(Float16.greatestFiniteMagnitude)])
    #expect(huge.dequantized().values == [largest * 65504, 0])
    let zero = Matrix(rows: 1, columns: 2, values: [0, -0.0])
    let none = try nearest(zero, name, groupSize: 2)
    #expect(none.scales.scales == [0])
    #expect(none.codes == [0, 0])
    #expect(none.dequantized().values.allSatisfy { $0 == 0 && $0.sign == .plus })
  }
}

/// The longer side of the weights meets the codebook's -64, so that the scale of a group that
/// reaches further up is negative.
@Test func `codebooks without a mirror image are turned around`() throws {
  let weight = Matrix(rows: 2, columns: 3, values: [-6.4, 1.2, 5.3, 6.4, -1.2, -5.3])
  let quantized = try nearest(weight, "lloyd4", groupSize: 3, precision: .exact)
  let sign: [Double] = [1, -1]
  for row in 0..<2 {
    #expect(abs(quantized.scales.scales[row] - 0.1 * sign[row]) < 1e-7)
    #expect(Array(quantized.codes[(row * 3)..<(row * 3 + 3)]) == [0, 10, 15])
  }
  for (mine, w) in zip(quantized.dequantized().values, weight.values) {
    #expect(abs(mine - w) < 1e-6)
  }
}

@Test func `float8 scales are multiples of the global one`() throws {
  let weight = Matrix(rows: 1, columns: 4, values: [12, 0.5, 0.001, 0.002])
  let quantized = try nearest(
    weight, "e2m1", groupSize: 2, scales: .e4m3, precision: .stored(global: 0.25))
  // 1 / .25 = 4 is E4M3's 0x48; .002 / 12 / .25 is below half of its smallest value and is kept
  // from vanishing.
  #expect(quantized.scales.scales == [1, 0x1p-9 * 0.25])
  let tensors = LayerTensors.tensors(of: quantized.scales, layer: "L")
  #expect(tensors.map(\.name) == ["L.scales", "L.global_scale"])
  #expect([UInt8](tensors[0].bytes) == [0x48, 0x01])
  #expect(try tensors[0].floats() == [4, 0x1p-9] && tensors[1].floats() == [0.25])
}

@Test func `broken weights are refused`() throws {
  for value in [Float.nan, .infinity, -.infinity] {
    let weight = Matrix(rows: 2, columns: 2, values: [1, 2, 3, value])
    #expect(throws: Failure("m: w", "expected finite weights, found \(value) at [1][1]")) {
      try nearest(weight, "e2m1", groupSize: 2)
    }
  }
}

@Test func `nibbles hold even columns low`() throws {
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
