import Formats
import Platform
import TestSupport
import Tensors
import Testing

/// Rounding of weights that share a bit, against its definition by trying all codes.
struct SharedBitTests {
  /// The level of `code`, and the distance of `t` to it.
  private func nearest(_ t: Double, _ format: NumberFormat, bit: UInt8?) -> UInt8 {
    let codes = (0..<UInt8(1 << format.bits)).filter { code in
      // A code's sign is the weight's.
      (code >= format.signBit) == (t < 0) && (bit.map { code & 1 == $0 } ?? true)
    }
    func distance(_ code: UInt8) -> Double { abs(Double(format.decode(code)) - t) }
    let least = codes.map(distance).min() ?? 0
    let best = codes.filter { distance($0) == least }
    // Codes of one sign ascend in magnitude. A tie goes to the even code, or, when all end in one
    // bit, to the smaller.
    return bit == nil ? best.first { $0 & 1 == 0 } ?? best[0] : best[0]
  }

  private func expected(
    _ t: [Double], _ format: NumberFormat, _ mode: SharedBit.Mode, length: Int
  ) -> [UInt8] {
    stride(from: 0, to: t.count, by: length).flatMap { start in
      let run = t[start..<min(t.count, start + length)]
      let tried = (0...1).map { (bit: UInt8) in
        run.map { value in
          mode == .nearest
            ? nearest(value, format, bit: bit) : nearest(value, format, bit: nil) & ~1 | bit
        }
      }
      let errors = tried.map { codes in
        zip(codes, run).reduce(0) { sum, pair in
          let e = Double(format.decode(pair.0)) - pair.1
          return sum + e * e
        }
      }
      return errors[1] < errors[0] ? tried[1] : tried[0]
    }
  }

  @Test(arguments: ["fp5.33", "fp4.25"], SharedBit.Mode.allCases)
  func `rounds by its definition`(name: String, mode: SharedBit.Mode) throws {
    let format = try NumberFormat(name)
    let length = try #require(format.sharedBit?.length)
    #expect(length == (name == "fp5.33" ? 3 : 4))
    // Quarters of a step: every middle of two levels, of pairs and of codes that end alike is among
    // them. Rows end in part of a run.
    let columns = 64 * length + 2
    let top = 4 * Int(format.maxCode)
    var random = Generator(31)
    let quarters = (0..<8).flatMap { _ in
      [top] + (1..<columns).map { _ in random.below(2 * top + 1) - top }
    }
    // The same again near zero, where codes that end in 1 have no level.
    let small = (0..<8).flatMap { _ in
      [top] + (1..<columns).map { _ in random.below(33) - 16 }
    }
    let values = (quarters + small).map { Float($0) / 4 }
    let weight = Matrix(rows: 16, columns: columns, values: values)
    let scales = try GroupScales.absmax(
      of: weight, WeightLayout(format, .row), precision: .exact, place: "w")
    #expect(scales.scales.allSatisfy { $0 == 1 })
    let codes = scales.codes(nearest: weight, mode: mode)
    for row in 0..<16 {
      let own = Array(codes[(row * columns)..<((row + 1) * columns)])
      let t = (0..<columns).map { Double(weight.row(row)[$0]) }
      #expect(own == expected(t, format, mode, length: length), "row \(row)")
    }
  }

  @Test func `rows of zeros have no scale`() throws {
    for name in ["fp5.33", "fp4.25"] {
      let weight = Matrix(rows: 1, columns: 7, zeroed: true)
      let quantized = QuantizedMatrix(
        nearest: weight,
        scales: try GroupScales.absmax(
          of: weight, WeightLayout(NumberFormat(name), .row), place: "w"))
      #expect(quantized.scales.scales == [0] && quantized.codes.allSatisfy { $0 == 0 })
    }
  }

  /// The bits of a row: 16 a run of 3, or 272 for 64 weights.
  @Test(arguments: [("fp5.33", [1: 1, 3: 1, 4: 2, 256: 86]), ("fp4.25", [1: 17, 64: 17, 65: 34])])
  func `words of a row`(name: String, widths: [Int: Int]) throws {
    let format = try NumberFormat(name)
    let packing = try #require(PackedWords(format))
    var random = Generator(5)
    for (columns, width) in widths {
      #expect(packing.width(columns: columns) == width)
      let length = try #require(format.sharedBit?.length)
      // Any codes of which a run's end alike.
      var codes: [UInt8] = []
      for _ in 0..<3 {
        var bit = 0
        for k in 0..<columns {
          if k % length == 0 { bit = random.below(2) }
          codes.append(UInt8(random.below(1 << (format.bits - 1)) << 1 | bit))
        }
      }
      let words = try packing.pack(codes, rows: 3, columns: columns, place: "w")
      #expect(words.count == 3 * width)
      func unpacked(rows: Int) throws -> [UInt8] {
        try words.withUnsafeBytes {
          try packing.unpack($0, rows: rows, columns: columns, place: "w")
        }
      }
      #expect(try unpacked(rows: 3) == codes)
      #expect(
        throws: Failure(
          "w", "expected 2 rows of \(width) words of codes, found \(6 * width) bytes")
      ) { try unpacked(rows: 2) }
    }
  }

  @Test func `codes that share no bit are refused`() throws {
    let packing = try #require(PackedWords(NumberFormat("fp5.33")))
    #expect(
      throws: Failure("w", "expected 3 codes that end in the same bit, found others at [1][2]")
    ) { try packing.pack([2, 4, 6, 1, 3, 2], rows: 2, columns: 3, place: "w") }
    #expect(PackedWords(try NumberFormat("e2m1")) == nil)
  }

  @Test func `activations have no shared bit`() {
    #expect(throws: Failure("activations fp5.33: expected a symmetric format of 4 to 8 bits")) {
      try ActivationFormat.parse("fp5.33")
    }
  }
}
