import Formats
import Platform
import Streams
import Tensors
import TestSupport
import Testing

/// Formats of other systems, against the bytes of independent programs (Tests/References/siblings).
///
/// `G16`, `G32` are [1][16] and [1][32]; `R` is [4][128], with a group of zeros, one without
/// positive weights, and an outlier.
struct SiblingFormatTests {
  private let golden: SafetensorsFile

  init() throws { golden = try References.tensors("siblings/io.safetensors") }

  private func matrix(_ name: String) throws -> Matrix {
    let tensor = try golden.tensor(name)
    return Matrix(
      rows: tensor.shape[0], columns: tensor.shape[1], values: try tensor.floats())
  }

  private func bytes(_ name: String) throws -> [UInt8] { [UInt8](try golden.tensor(name).bytes) }

  private func meanSquare(_ a: Matrix, _ b: Matrix) -> Double {
    let squares = zip(a.values, b.values).map {
      (Double($0) - Double($1)) * (Double($0) - Double($1))
    }
    return squares.reduce(0, +) / Double(squares.count)
  }

  /// Values within f32's rounding of three operations.
  private func expectClose(_ values: Matrix, _ expected: [Float], _ name: String) {
    #expect(values.count == expected.count)
    for (index, value) in values.values.enumerated() {
      #expect(abs(value - expected[index]) <= 3e-7 * abs(expected[index]), "\(name) \(index)")
    }
  }

  // AFPQ, arXiv 2311.01792.

  @Test(arguments: [("G16", 16, 0.0117931), ("G32", 32, 0.0428846), ("R", 32, nil)])
  func `two scales per group`(name: String, groupSize: Int, meanSquare expected: Double?) throws {
    let weight = try matrix(name)
    let scales = try GroupScales.absmax(
      of: weight,
      WeightLayout(NumberFormat("e2m1"), .groups(of: groupSize), isTwoSided: true),
      precision: .exact, place: name)
    // Our levels are twice E2M1's values, and scales half of the paper's; its groups of zeros have
    // scale 1.
    for (mine, key) in [
      (scales.scales, "scale_pos"), (scales.negativeScales, "scale_neg"),
    ] {
      for (index, theirs) in try golden.tensor("\(name).afpq.\(key)").floats().enumerated() {
        let isZero = scales.scales[index] == 0 && scales.negativeScales[index] == 0
        #expect(
          abs(2 * mine[index] - (isZero ? 0 : Double(theirs))) <= 1e-7 * Double(theirs), "\(key)")
      }
    }
    let codes = scales.codes(nearest: weight)
    let goldenCodes = try bytes("\(name).afpq.code")
    #expect(goldenCodes.contains(8) == (name != "G16"))
    // F16 scales: no code is a negative zero.
    #expect(codes == goldenCodes.map { $0 == 8 ? 0 : $0 })
    let values = scales.values(of: codes)
    expectClose(values, try golden.tensor("\(name).afpq.dequant").floats(), name)
    if let expected { #expect(abs(meanSquare(values, weight) - expected) < 1e-7) }
  }

  // NVFP4, as compressed-tensors writes it.

  @Test(arguments: [("G16", 0.02103812), ("G32", 0.04547415), ("R", nil)])
  func NVFP4(name: String, meanSquare expected: Double?) throws {
    let weight = try matrix(name)
    func scales(_ precision: GroupScales.Precision) throws -> GroupScales {
      try GroupScales.absmax(
        of: weight, WeightLayout(NumberFormat("e2m1"), .groups(of: 16), scales: .e4m3),
        precision: precision, place: name)
    }
    let scales = try scales(.stored(scales(.exact), top: 448))
    let codes = scales.codes(nearest: weight)
    #expect(try codes == bytes("\(name).nvfp4.code"))
    #expect(
      try PackedCodes.packNibbles(codes, rows: weight.rows, columns: weight.columns)
        == bytes("\(name).nvfp4.packed_ct"))
    let stored = LayerTensors.tensors(of: scales, layer: "L")
    #expect(try [UInt8](stored[0].bytes) == bytes("\(name).nvfp4.scale"))
    let global = try stored[1].floats()[0]
    let theirs = try golden.tensor("\(name).nvfp4.scale_2").floats()[0]
    // Theirs is 1 / (2688 / absmax), two roundings of f32 instead of one.
    #expect(abs(2 * global - theirs) <= theirs * 0x1p-23)
    let values = scales.values(of: codes)
    expectClose(values, try golden.tensor("\(name).nvfp4.dequant").floats(), name)
    if let expected { #expect(abs(meanSquare(values, weight) - expected) < 1e-8) }
  }

  // AMS-Quant, arXiv 2510.16045; the layout is ours.

  struct Shared: CustomTestStringConvertible, Sendable {
    let format: String
    let mode: SharedBit.Mode
    let name: String
    let words: String
    let meanSquare: Double
    var testDescription: String { "\(format) \(mode)" }
  }

  static let shared = [
    Shared(
      format: "fp5.33", mode: .nearest, name: "FP5.33", words: "8949 d79a 25cc f3fb",
      meanSquare: 0.00221996),
    Shared(
      format: "fp5.33", mode: .overwrite, name: "FP5.33", words: "8949 db9a 25cb f3fb",
      meanSquare: 0.00246821),
    Shared(
      format: "fp4.25", mode: .nearest, name: "FP4.25",
      words: """
        9011 329a aca1 9342 40bc cc84 1548 4bdc ec46 562c 0ee9 e166 76bf dfd4 c674 72ef eef1
        """, meanSquare: 0.0992012),
    Shared(
      format: "fp4.25", mode: .overwrite, name: "FP4.25",
      words: """
        9011 328a aba1 9341 41cc dc84 2549 4bec ec46 563d 0ee9 e166 76bf dfd4 c675 72ef ee71
        """, meanSquare: 0.1318170),
  ]

  @Test(arguments: shared)
  func `shared bits`(_ expected: Shared) throws {
    let format = try NumberFormat(expected.format)
    let packing = try #require(PackedWords(format))
    for source in ["golden", "R"] {
      let key = "ams.\(expected.name).\(expected.mode.rawValue).\(source)"
      let columns = try golden.tensor("\(key).code").shape[1]
      let whole = try matrix(source == "R" ? "R" : "G64")
      let weight = Matrix(
        rows: whole.rows, columns: columns,
        values: (0..<whole.rows).flatMap { row in (0..<columns).map { whole.row(row)[$0] } })
      let scales = try GroupScales.absmax(
        of: weight, WeightLayout(format, .row), precision: .exact, place: key)
      // The largest level is 60 for their 7.5, or 28 for 7.
      let unit = Double(format.maxCode) / (expected.name == "FP5.33" ? 7.5 : 7)
      for (mine, theirs) in zip(scales.scales, try golden.tensor("\(key).scale").floats()) {
        #expect(abs(mine * unit - Double(theirs)) <= 1e-7 * Double(theirs))
      }
      let codes = scales.codes(nearest: weight, mode: expected.mode)
      #expect(try codes == bytes("\(key).code"), "\(source)")
      let words = try packing.pack(codes, rows: weight.rows, columns: columns, place: key)
      #expect(try words.withUnsafeBytes { Array($0) } == bytes("\(key).words_u8"))
      #expect(
        try words.withUnsafeBytes {
          try packing.unpack($0, rows: weight.rows, columns: columns, place: key)
        } == codes)
      let values = scales.values(of: codes)
      expectClose(values, try golden.tensor("\(key).dequant").floats(), key)
      guard source == "golden" else { continue }
      let text = words.map { word in
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 4 - digits.count) + digits
      }
      #expect(text.joined(separator: " ") == expected.words)
      #expect(
        abs(meanSquare(values, weight) - expected.meanSquare) < 5e-7 * expected.meanSquare * 10)
    }
  }
}
