import CKernels
import Formats
import TestSupport
import Testing

/// The token quantizer of every tier against a search of the format's list of integers.
@Suite struct TokenQuantizerTests {
  static let formats = [
    "e2m1", "e1m2", "e2m2", "e3m2", "e2m3", "e3m4", "e2m5", "e4m3", "e4m2", "int5", "int6",
    "int8", "ue2m4", "ue3m3", "uint6", "uint8",
  ]

  /// The nearest integer of the format to `x`, ties to the even code, by trying all of them.
  static func nearest(_ x: Float, _ format: NumberFormat) -> Int {
    let magnitude = Double(abs(x))
    var best = 0
    let magnitudes = format.codebook[
      ..<(format.isSigned ? Int(format.signBit) : format.codebook.count)]
    if !format.isSigned && x < 0 { return 0 }
    for (code, value) in magnitudes.enumerated() {
      let (distance, least) = (
        abs(Double(value) - magnitude), abs(Double(magnitudes[best]) - magnitude)
      )
      if distance < least || (distance == least && code % 2 == 0) { best = code }
    }
    return Int(magnitudes[best]) * (x < 0 ? -1 : 1)
  }

  private func activation(
    _ format: NumberFormat, perGroup: Bool, fixedScale: Float = 0
  ) -> fpq_activation {
    fpq_activation(
      mantissa: Int32(format.mantissaBits ?? 22), max: Float(format.maxCode),
      per_group: perGroup ? 1 : 0, is_unsigned: format.isSigned ? 0 : 1,
      fixed_scale: fixedScale)
  }

  /// Codes (without offset or padding) and scales by `tier`; for wide formats code * scale instead
  /// of codes.
  private func quantize(
    _ tier: fpq_tier, _ format: NumberFormat, perGroup: Bool, x: [Float], inputs: Int, group: Int,
    fixedScale: Float = 0
  ) throws -> (integers: [Int], scales: [Float], values: [Float]) {
    let table = try #require(fpq_kernels_of_tier(tier)).pointee
    let tokens = x.count / inputs
    let width = fpq_token_stride(inputs, group)
    let kernel = activation(format, perGroup: perGroup, fixedScale: fixedScale)
    var scales = [Float](
      repeating: .nan, count: tokens * (perGroup ? (inputs - 1) / group + 1 : 1))
    var codes: [Int] = []
    if format.maxCode <= (format.isSigned ? 127 : 255) {
      var bytes = [UInt8](repeating: 7, count: tokens * width)
      table.quantize_u8(kernel, tokens, inputs, group, x, &bytes, &scales)
      codes = bytes.map { Int($0) - Int(fpq_code_offset(kernel)) }
    } else if format.maxCode <= 1984 {
      var words = [Int16](repeating: 7, count: tokens * width)
      table.quantize_i16(kernel, tokens, inputs, group, x, &words, &scales)
      codes = words.map { Int($0) }
    } else {
      var values = [Float](repeating: .nan, count: x.count)
      table.quantize_f32(kernel, tokens, inputs, group, x, &values)
      return ([], [], values)
    }
    var integers: [Int] = []
    let stored = (group + 3) / 4 * 4
    for (index, code) in codes.enumerated() {
      let place = index % width
      let k = place / stored * group + place % stored
      if place % stored < group && k < inputs {
        integers.append(code)
      } else {
        #expect(code == 0, "padding at \(index)")
      }
    }
    return (integers, scales, [])
  }

  @Test(arguments: formats)
  func `nearest with ties to even`(name: String) throws {
    let format = try NumberFormat(name)
    var random = Generator(name.utf8.reduce(0) { $0 * 31 + Int($1) })
    for (inputs, group) in [(1, 1), (7, 7), (33, 32), (250, 100), (256, 128), (300, 7)] {
      var x = (0..<(5 * inputs)).map { _ in random.signed() * Float(1 + random.below(3)) }
      // Exact ties and codebook entries: the maximum makes the scale 1, so x is in steps.
      let top = Float(format.maxCode)
      for k in 0..<inputs {
        let low = random.below((format.isSigned ? Int(format.signBit) : format.codebook.count) - 1)
        let middle = (Float(format.codebook[low]) + Float(format.codebook[low + 1])) / 2
        x[k] = k % group == 0 ? top : k % 3 == 0 ? -middle : middle
      }
      for perGroup in [false, true] {
        var integers: [Int] = []
        var scales: [Float] = []
        var values: [Float] = []
        for t in 0..<5 {
          let row = Array(x[(t * inputs)..<((t + 1) * inputs)])
          let span = perGroup ? group : inputs
          for first in stride(from: 0, to: inputs, by: span) {
            let part = row[first..<min(first + span, inputs)]
            let scale = (part.map(abs).max() ?? 0) / top
            scales.append(scale)
            let codes = part.map { scale == 0 ? 0 : Self.nearest($0 / scale, format) }
            integers += codes
            values += zip(codes, part).map { code, x in
              // A negative value that rounds to zero keeps its sign.
              code == 0 && x < 0 && format.isSigned ? -0.0 : Float(code) * scale
            }
          }
        }
        for (tierName, tier) in tiers {
          let found = try quantize(
            tier, format, perGroup: perGroup, x: x, inputs: inputs, group: group)
          if format.maxCode <= 1984 {
            #expect(
              Exact(found.integers) == Exact(integers),
              "\(tierName) \(name) K \(inputs) group \(group)")
            #expect(bits(found.scales) == bits(scales), "\(tierName) \(name)")
          } else {
            #expect(bits(found.values) == bits(values), "\(tierName) \(name) K \(inputs)")
          }
        }
      }
    }
  }

  /// A static scale: what is larger saturates, and what is not finite is still seen.
  @Test func `fixed scales`() throws {
    let format = try NumberFormat("e2m3")
    for (name, tier) in tiers {
      func quantized(_ x: [Float]) throws -> (codes: [Int], scale: Float) {
        let found = try quantize(
          tier, format, perGroup: false, x: x, inputs: x.count, group: 4, fixedScale: 0.5)
        return (found.integers, found.scales[0])
      }
      let usual = try quantized([1, -3.2, 1e9, 0, -40, 0.24])
      #expect(usual.codes == [2, -6, 60, 0, -60, 0] && usual.scale == 0.5, "\(name)")
      #expect(try quantized([1, .nan, 2, 3, 4]).scale.isNaN, "\(name)")
      #expect(try quantized([1, 2, 2, 3, .infinity]).scale.isNaN, "\(name)")
    }
  }

  @Test func `zeros tiny and huge values`() throws {
    let format = try NumberFormat("e2m3")
    let least = Float.leastNonzeroMagnitude
    for (name, tier) in tiers {
      func integers(_ x: [Float]) throws -> (codes: [Int], scale: Float) {
        let found = try quantize(
          tier, format, perGroup: true, x: x, inputs: x.count, group: x.count)
        return (found.integers, found.scales[0])
      }
      let zero = try integers([0, -0.0, 0, 0])
      #expect(zero.codes == [0, 0, 0, 0] && zero.scale == 0, "\(name)")
      // absmax / 60 underflows to 0: a group of zeros.
      let lost = try integers([least, -least, 0])
      #expect(lost.codes == [0, 0, 0] && lost.scale == 0, "\(name)")
      // 89 / 60 rounds to 1 unit in the last place: 89 saturates at 60.
      let saturated = try integers([89 * least, -89 * least, 3 * least])
      #expect(saturated.codes == [60, -60, 3] && saturated.scale == least, "\(name)")
      let huge = try integers([Float.greatestFiniteMagnitude, 0, -Float.greatestFiniteMagnitude])
      #expect(huge.codes == [60, 0, -60], "\(name)")
    }
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity, .signalingNaN])
  func `what is not finite makes the scale NaN`(bad: Float) throws {
    for format in [try NumberFormat("e2m3"), try NumberFormat("e3m4"), try NumberFormat("e4m3")] {
      for place in [0, 31, 36] {
        var x = [Float](repeating: 0.5, count: 74)
        x[place] = bad
        for (name, tier) in tiers {
          let found = try quantize(tier, format, perGroup: true, x: x, inputs: 37, group: 32)
          if format.maxCode > 1984 {
            let group = place < 32 ? 0..<32 : 32..<37
            #expect(
              found.values.indices.allSatisfy { found.values[$0].isNaN == group.contains($0) })
            continue
          }
          #expect(
            found.scales.map(\.isNaN) == [place < 32, place >= 32, false, false], "\(name)")
          #expect(found.integers[place] == 0, "\(name)")
        }
      }
    }
  }
}
