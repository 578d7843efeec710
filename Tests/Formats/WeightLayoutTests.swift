import Formats
import Platform
import Tensors
import TestSupport
import Testing

/// How a weight is stored, against numbers counted by hand and loops over the definition of the
/// layouts.
struct WeightLayoutTests {
  private static func layout(
    _ format: String, _ grouping: WeightLayout.Grouping = .groups(of: 64),
    scales: ScaleStorage = .f16, isTwoSided: Bool = false
  ) throws -> WeightLayout {
    WeightLayout(
      try NumberFormat(format), grouping, scales: scales, isTwoSided: isTwoSided)
  }

  struct Size: Sendable, CustomTestStringConvertible {
    let format: String
    var grouping = WeightLayout.Grouping.groups(of: 64)
    var scales = ScaleStorage.f16
    var isTwoSided = false
    let rows: Int
    let columns: Int
    let bits: Int
    var testDescription: String { "\(format) \(grouping) \(scales) [\(rows)][\(columns)]" }
  }

  @Test(arguments: [
    // 4 + 16 / 64 bits per weight.
    Size(format: "e2m1", rows: 2, columns: 128, bits: 256 * 4 + 4 * 16),
    // An odd row ends in half a byte of padding: 3 rows of 33 bytes, 2 groups of 64 and 1.
    Size(format: "e2m1", rows: 3, columns: 65, bits: 3 * 33 * 8 + 6 * 16),
    // One row of one weight.
    Size(format: "e3m0", rows: 1, columns: 1, bits: 8 + 16),
    // NVFP4: E4M3 for 16 weights, an F32 for all.
    Size(
      format: "e2m1", grouping: .groups(of: 16), scales: .e4m3, rows: 4, columns: 40,
      bits: 4 * 40 * 4 + 4 * 3 * 8 + 32),
    // A scale for each side.
    Size(
      format: "e1m2", grouping: .groups(of: 32), isTwoSided: true, rows: 2, columns: 64,
      bits: 2 * 64 * 4 + 2 * 2 * 2 * 16),
    Size(
      format: "e1m2", grouping: .groups(of: 32), scales: .e4m3, isTwoSided: true, rows: 2,
      columns: 64, bits: 2 * 64 * 4 + 2 * 2 * 2 * 8 + 32),
    // The sign of a scale is among its bits.
    Size(format: "lloyd4", scales: .e4m3, rows: 8, columns: 64, bits: 8 * 64 * 4 + 8 * 8 + 32),
    // Zero points of 3 groups take two bytes a row.
    Size(
      format: "int4", grouping: .groups(of: 32), rows: 5, columns: 96,
      bits: 5 * 96 * 4 + 5 * 3 * 16 + 5 * 2 * 8),
    // 16 bits for 3 weights: 86 words for 256.
    Size(
      format: "fp5.33", grouping: .row, rows: 2, columns: 256, bits: 2 * 86 * 16 + 2 * 16),
    // 17 words for 64 weights, of which 65 need two.
    Size(format: "fp4.25", grouping: .row, rows: 3, columns: 65, bits: 3 * 34 * 16 + 3 * 16),
    Size(format: "e2m1", grouping: .weight, rows: 7, columns: 10, bits: 7 * 5 * 8 + 7 * 16),
  ])
  func `takes its bits`(_ size: Size) throws {
    let layout = try WeightLayoutTests.layout(
      size.format, size.grouping, scales: size.scales, isTwoSided: size.isTwoSided)
    try layout.check()
    #expect(try layout.bits(rows: size.rows, columns: size.columns) == size.bits)
  }

  /// Code `k` of a row by the definition of the layout: nibbles from the low one on.
  private func nibble(_ bytes: ArraySlice<UInt8>, _ k: Int) -> UInt8 {
    let pair = bytes[bytes.startIndex + k / 2]
    return k % 2 == 1 ? pair / 16 : pair % 16
  }

  /// Code `k` of a row of words of 16 bits: three codes of 5 bits below the bit they share, or 16
  /// words of four codes of 4 bits and a word of the bits they share.
  private func inWords(_ bytes: ArraySlice<UInt8>, _ k: Int, _ format: String) -> UInt8 {
    func word(_ index: Int) -> Int {
      let at = bytes.startIndex + 2 * index
      return Int(bytes[at]) + 256 * Int(bytes[at + 1])
    }
    func bits(_ word: Int, from low: Int, _ count: Int) -> Int { (word >> low) % (1 << count) }
    if format == "fp5.33" {
      return UInt8(
        2 * bits(word(k / 3), from: k % 3 * 5, 5) + bits(word(k / 3), from: 15, 1))
    }
    let (block, run) = (k / 64, k % 64 / 4)
    return UInt8(
      2 * bits(word(17 * block + run), from: k % 4 * 4, 4)
        + bits(word(17 * block + 16), from: run, 1))
  }

  @Test(
    arguments: ["e2m1", "int4", "lloyd4", "fp5.33", "fp4.25"],
    [(1, 1), (3, 7), (2, 64), (5, 65), (4, 130)])
  func `packs as it is defined`(_ format: String, _ shape: (rows: Int, columns: Int)) throws {
    let (rows, columns) = shape
    let layout = try WeightLayoutTests.layout(format).with(NumberFormat(format))
    var random = Generator(71)
    let length = format == "fp5.33" ? 3 : format == "fp4.25" ? 4 : 1
    let count = format == "fp5.33" ? 64 : format == "fp4.25" ? 32 : 16
    var codes: [UInt8] = []
    for _ in 0..<rows {
      var bit = 0
      for k in 0..<columns {
        if k % length == 0 { bit = random.below(2) }
        codes.append(UInt8(length == 1 ? random.below(count) : random.below(count / 2) * 2 + bit))
      }
    }
    let packed = try layout.pack(codes, rows: rows, columns: columns, place: "w")
    let (dtype, stored) = try layout.packedCodes(rows: rows, columns: columns, place: "w")
    #expect(dtype == (length == 1 ? .u8 : .u16) && stored[0] == rows)
    #expect(packed.count == stored[0] * stored[1] * (length == 1 ? 1 : 2))
    let width = packed.count / rows
    for n in 0..<rows {
      let row = packed[(n * width)..<((n + 1) * width)]
      for k in 0..<columns {
        let found = length == 1 ? nibble(row, k) : inWords(row, k, format)
        #expect(found == codes[n * columns + k], "[\(n)][\(k)]")
      }
    }
    let unpacked = try packed.withUnsafeBytes {
      try layout.unpack($0, rows: rows, columns: columns, place: "w")
    }
    #expect(unpacked == codes)
    #expect(throws: Failure.self) {
      try packed.dropLast().withUnsafeBytes {
        try layout.unpack($0, rows: rows, columns: columns, place: "w")
      }
    }
  }

  @Test func `zero points are packed by group`() throws {
    let layout = try WeightLayoutTests.layout("int4", .groups(of: 4))
    // Groups of 4, 4 and 1 columns.
    let zeros: [UInt8] = [1, 2, 3, 13, 14, 15]
    let packed = layout.pack(zeros: zeros, rows: 2, columns: 9)
    #expect(packed == [0x21, 0x03, 0xED, 0x0F])
    #expect(layout.packedZeros(rows: 2, columns: 9) == [2, 2])
    let unpacked = try packed.withUnsafeBytes {
      try layout.unpack(zeros: $0, rows: 2, columns: 9, place: "z")
    }
    #expect(unpacked == zeros)
  }

  @Test func `a codebook decides sides and zero points`() throws {
    for (format, sides, zeros) in [
      ("e2m1", WeightLayout.Sides.one, false), ("e3m0", .one, false), ("int6", .one, false),
      ("fp5.33", .one, false), ("int4", .one, true), ("lloyd4", .turnable, false),
    ] {
      let layout = try WeightLayoutTests.layout(format)
      #expect(layout.sides == sides && layout.hasZeroPoints == zeros, "\(format)")
    }
    #expect(try WeightLayoutTests.layout("e2m1", isTwoSided: true).sides == .two)
  }

  @Test func `groups of a row`() throws {
    let groups = try WeightLayoutTests.layout("e2m1", .groups(of: 48))
    #expect([1, 48, 49, 144, 145].map(groups.groups) == [1, 1, 2, 3, 4])
    #expect(groups.written(columns: 9).grouping == .groups(of: 48))
    for grouping in [WeightLayout.Grouping.row, .weight] {
      let whole = try WeightLayoutTests.layout("e2m1", grouping)
      #expect(whole.groupSize(145) == 145 && whole.groups(145) == 1)
      #expect(whole.written(columns: 145).grouping == .groups(of: 145))
    }
    // Weights that share a bit share a scale.
    #expect(try groups.with(NumberFormat("fp4.25")).grouping == .row)
    #expect(try groups.with(NumberFormat("e1m2")).grouping == .groups(of: 48))
  }

  @Test(arguments: [
    (
      "e2m1", WeightLayout.Grouping.groups(of: 0), ScaleStorage.f16, false,
      "group size: expected 1 to 1048576, found 0"
    ),
    (
      "e2m1", .groups(of: 1_048_577), .f16, false,
      "group size: expected 1 to 1048576, found 1048577"
    ),
    (
      "e1m1", .row, .f16, false,
      "format e1m1: expected int8 or a signed format of 4 to 6 bits for weights"
    ),
    (
      "int7", .row, .f16, false,
      "format int7: expected int8 or a signed format of 4 to 6 bits for weights"
    ),
    (
      "ue2m2", .row, .f16, false,
      "format ue2m2: expected int8 or a signed format of 4 to 6 bits for weights"
    ),
    (
      "int4", .row, .f16, true,
      "format int4: expected a symmetric 4-bit format for two scales per group (--asymmetric)"
    ),
    (
      "lloyd4", .row, .e4m3, true,
      "format lloyd4: expected a symmetric 4-bit format for two scales per group (--asymmetric)"
    ),
    (
      "fp4.25", .row, .f16, true,
      "format fp4.25: expected a symmetric 4-bit format for two scales per group (--asymmetric)"
    ),
    (
      "int4", .weight, .f16, false,
      "format int4: expected a symmetric format for one scale of the whole weight"
    ),
    (
      "fp5.33", .weight, .f16, false,
      "format fp5.33: expected a symmetric format for one scale of the whole weight"
    ),
    (
      "e2m1", .weight, .e4m3, false, "scales: expected one of F16 for one scale of the whole weight"
    ),
    ("e2m1", .weight, .f16, true, "scales: expected one of F16 for one scale of the whole weight"),
  ])
  func `refuses what does not exist`(
    _ format: String, _ grouping: WeightLayout.Grouping, _ scales: ScaleStorage,
    _ isTwoSided: Bool, _ message: String
  ) throws {
    let layout = try WeightLayoutTests.layout(
      format, grouping, scales: scales, isTwoSided: isTwoSided)
    #expect(throws: Failure(message)) { try layout.check() }
  }

  @Test func `all that exists passes`() throws {
    for format in ["e2m1", "e1m2", "e3m0", "lloyd4", "int4", "fp5.33", "fp4.25", "int8"] {
      for scales in ScaleStorage.allCases {
        try WeightLayoutTests.layout(format, .row, scales: scales).check()
      }
    }
    try WeightLayoutTests.layout("e2m1", .weight).check()
    try WeightLayoutTests.layout("e2m1", scales: .e4m3, isTwoSided: true).check()
  }

  @Test func `codes of other widths are not packed`() throws {
    let layout = try WeightLayoutTests.layout("e2m3")
    #expect(
      throws: Failure(
        "w", "expected a 4-bit format, fp4.25, fp5.33 or int8 for weights, found e2m3")
    ) { try layout.pack([1, 2], rows: 1, columns: 2, place: "w") }
  }

  /// Groups of rows made of two parts: as they are where they divide a part, else of the largest
  /// power of two that divides both.
  @Test(arguments: [
    [128, 2816, 128], [64, 2816, 64], [128, 64, 32], [128, 48, 8], [64, 48, 8], [100, 200, 100],
    [96, 64, 32], [128, 50, 1], [7, 48, 1],
  ])
  func `no group lies in two parts`(_ sizes: [Int]) throws {
    let layout = try Self.layout("e2m1", .groups(of: sizes[0]))
    let within = layout.within(parts: 2, columns: sizes[1])
    #expect(within.groupSize(sizes[1]) == sizes[2])
    #expect(within.separateParts(2, columns: sizes[1]) == 2)
    #expect(layout.separateParts(2, columns: sizes[1]) == (sizes[0] == sizes[2] ? 2 : 1))
    #expect(layout.within(parts: 1, columns: sizes[1]) == layout)
    let row = try Self.layout("e2m1", .row)
    #expect(row.within(parts: 2, columns: sizes[1]) == row)
    #expect(row.separateParts(2, columns: sizes[1]) == 1)
  }
}
