import Platform

/// Checksums put right, so that a changed byte of a picture is seen by what lies behind them.
enum PNGRepair {
  /// `bytes` with the signature of a PNG and the checksum of each chunk.
  static func repaired(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    var file = Array(bytes)
    guard file.count >= 8 else { return file }
    file.replaceSubrange(..<8, with: PNGChunks.signature)
    var at = 8
    while file.count - at >= 12 {
      let length = file[at..<(at + 4)].reduce(0) { $0 << 8 | Int($1) }
      guard length <= file.count - at - 12 else { break }
      let end = at + 8 + length
      let sum = checksum(file[(at + 4)..<end])
      for byte in 0..<4 {
        file[end + byte] = UInt8(truncatingIfNeeded: sum >> (24 - 8 * UInt32(byte)))
      }
      at = end + 4
    }
    return file
  }

  /// CRC-32 of the PNG specification, annex D.
  private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    ~bytes.reduce(~0) { table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ $0 >> 8 }
  }

  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { sum, _ in sum >> 1 ^ (sum & 1 == 0 ? 0 : 0xEDB8_8320) }
  }
}
