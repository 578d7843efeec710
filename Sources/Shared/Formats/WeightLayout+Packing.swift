import Platform
import Tensors

/// Codes [rows][columns], one per byte, and the bytes that packed models store them as; what a
/// weight takes in bits.
extension WeightLayout {
  /// How codes are packed.
  private enum Packing {
    /// Two a byte.
    case nibbles
    /// A word for each run that shares a bit.
    case words(PackedWords)
    /// The level of each weight, a signed byte (`int8`).
    case levels
  }

  private var packing: Packing? {
    if let words = PackedWords(format) { return .words(words) }
    return format.bits == 4 ? .nibbles : format.name == "int8" ? .levels : nil
  }

  /// Whether packed models hold codes of the format.
  package var isPackable: Bool { packing != nil }

  /// - Throws: `Failure` naming `place` for a format whose codes no packed model holds.
  private func packing(_ place: String) throws -> Packing {
    guard let packing else {
      throw Failure(
        place, "expected a 4-bit format, fp4.25, fp5.33 or int8 for weights, found \(format)")
    }
    return packing
  }

  /// Type and shape of the packed codes of a weight [rows][columns].
  ///
  /// - Throws: `Failure` naming `place` for a format whose codes no packed model holds.
  package func packedCodes(
    rows: Int, columns: Int, place: String
  ) throws -> (dtype: DType, shape: [Int]) {
    switch try packing(place) {
    case .nibbles: (.u8, [rows, (columns + 1) / 2])
    case .words(let words): (.u16, [rows, words.width(columns: columns)])
    case .levels: (.i8, [rows, columns])
    }
  }

  /// The bytes, little-endian, of `packedCodes` for codes [rows][columns].
  ///
  /// - Throws: `Failure` naming `place` for codes that the format does not have together.
  package func pack(_ codes: [UInt8], rows: Int, columns: Int, place: String) throws -> [UInt8] {
    switch try packing(place) {
    case .nibbles: return PackedCodes.packNibbles(codes, rows: rows, columns: columns)
    case .words(let words):
      let packed = try words.pack(codes, rows: rows, columns: columns, place: place)
      return packed.map(\.littleEndian).withUnsafeBytes { Array($0) }
    case .levels: return codes.map { UInt8(truncatingIfNeeded: format.decode($0)) }
    }
  }

  /// The codes [rows][columns] of bytes as `pack` makes them, of any alignment.
  ///
  /// - Throws: `Failure` naming `place` when there are not as many bytes as the shape implies.
  package func unpack(
    _ bytes: UnsafeRawBufferPointer, rows: Int, columns: Int, place: String
  ) throws -> [UInt8] {
    switch try packing(place) {
    case .nibbles:
      try PackedCodes.unpackNibbles(Array(bytes), rows: rows, columns: columns, place: place)
    case .words(let words):
      try words.unpack(bytes, rows: rows, columns: columns, place: place)
    case .levels:
      try PackedCodes.unpackLevels(bytes, of: format, count: rows * columns, place: place)
    }
  }

  /// The shape of the zero points U8 of a weight [rows][columns] in a packed model, two a byte as
  /// codes of 4 bits.
  package func packedZeros(rows: Int, columns: Int) -> [Int] {
    [rows, (groups(columns) + 1) / 2]
  }

  /// The bytes of `packedZeros` for zero points [rows][groups].
  package func pack(zeros: [UInt8], rows: Int, columns: Int) -> [UInt8] {
    PackedCodes.packNibbles(zeros, rows: rows, columns: groups(columns))
  }

  /// The zero points [rows][groups] of bytes as `pack(zeros:rows:columns:)` makes them.
  ///
  /// - Throws: `Failure` naming `place` when there are not as many bytes as the shape implies.
  package func unpack(
    zeros bytes: UnsafeRawBufferPointer, rows: Int, columns: Int, place: String
  ) throws -> [UInt8] {
    try PackedCodes.unpackNibbles(
      Array(bytes), rows: rows, columns: groups(columns), place: place)
  }

  /// Bits that a weight [rows][columns] takes in a packed model: codes with what pads their rows,
  /// scales, zero points.
  ///
  /// - Throws: `Failure` for a format whose codes no packed model holds.
  package func bits(rows: Int, columns: Int) throws -> Int {
    let codes = try packedCodes(rows: rows, columns: columns, place: "format \(format)")
    func count(_ shape: [Int]) -> Int { shape.reduce(1, *) }
    let scale = (isTwoSided ? 2 : 1) * scales.dtype.bits
    return count(codes.shape) * codes.dtype.bits + rows * groups(columns) * scale
      + (scales.isBesideGlobal ? DType.f32.bits : 0)
      + (hasZeroPoints ? count(packedZeros(rows: rows, columns: columns)) * DType.u8.bits : 0)
  }
}
