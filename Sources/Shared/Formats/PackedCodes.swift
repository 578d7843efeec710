import Platform

/// Two 4-bit codes per byte, as packed models store them: the low nibble is the even column; and the
/// levels of wider formats.
package enum PackedCodes {
  /// Packs codes [rows][columns] to [rows][(columns + 1) / 2]; an odd last column is padded with
  /// code 0.
  package static func packNibbles(_ codes: [UInt8], rows: Int, columns: Int) -> [UInt8] {
    precondition(codes.count == rows * columns, "a code for every weight")
    let width = (columns + 1) / 2
    var packed = [UInt8](repeating: 0, count: rows * width)
    for row in 0..<rows {
      for k in 0..<columns {
        packed[row * width + k / 2] |= (codes[row * columns + k] & 15) << (k % 2 == 0 ? 0 : 4)
      }
    }
    return packed
  }

  /// The codes [rows][columns] of bytes [rows][(columns + 1) / 2].
  ///
  /// - Throws: `Failure` naming `place` when there are not as many bytes as the shape implies.
  package static func unpackNibbles(
    _ packed: [UInt8], rows: Int, columns: Int, place: String
  ) throws -> [UInt8] {
    let width = (columns + 1) / 2
    guard rows >= 0, columns >= 0,
      rows.multipliedReportingOverflow(by: width) == (packed.count, false)
    else {
      throw Failure(
        place,
        "expected \(rows) rows of \(width) bytes of packed codes, found \(packed.count) bytes")
    }
    var codes = [UInt8](repeating: 0, count: rows * columns)
    for row in 0..<rows {
      for k in 0..<columns {
        codes[row * columns + k] = packed[row * width + k / 2] >> (k % 2 == 0 ? 0 : 4) & 15
      }
    }
    return codes
  }

  /// The codes of levels, a signed byte each.
  ///
  /// - Throws: `Failure` naming `place` when there are not `count` of them, and for one that the
  ///   format does not have.
  package static func unpackLevels(
    _ levels: UnsafeRawBufferPointer, of format: NumberFormat, count: Int, place: String
  ) throws -> [UInt8] {
    guard levels.count == count else {
      throw Failure(place, "expected \(count) bytes of levels, found \(levels.count)")
    }
    let table = format.levels()
    return try levels.map { byte in
      let level = Int32(Int8(bitPattern: byte))
      guard table.low...table.high ~= level else {
        throw Failure(place, "expected levels of \(format), found \(level)")
      }
      return table.code(level)
    }
  }
}
