/// The chunks of a PNG file, for its text: tEXt when all of it is Latin-1, iTXt (UTF-8, not
/// compressed) when not.
///
/// Follows the PNG specification, third edition, sections 5 and 11.3.3. *Limitations:* zTXt and
/// compressed iTXt are not read.
package enum PNGChunks {
  package static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

  /// Where the first chunk, IHDR, ends: signature, length, type, 13 bytes, checksum.
  private static let headerEnd = 8 + 4 + 4 + 13 + 4

  /// Where width and height end in the header.
  static let sizeEnd = 8 + 4 + 4 + 8

  /// Width and height of a PNG file that starts with `bytes`; nil for another file.
  static func size(in bytes: [UInt8]) -> (width: Int, height: Int)? {
    guard bytes.count >= sizeEnd, bytes.starts(with: signature) else { return nil }
    func number(_ start: Int) -> Int { bytes[start..<(start + 4)].reduce(0) { $0 << 8 | Int($1) } }
    return (number(sizeEnd - 8), number(sizeEnd - 4))
  }

  /// `file` with text chunks after its header.
  static func inserting(
    _ text: [(key: String, value: String)], into file: [UInt8]
  ) throws -> [UInt8] {
    var chunks: [UInt8] = []
    for (key, value) in text {
      guard let keyword = latin1(key), (1...79).contains(keyword.count), !keyword.contains(0) else {
        throw Failure("expected a PNG keyword of 1 to 79 Latin-1 letters, found \"\(key)\"")
      }
      // A NUL would end the text.
      let value = value.replacing("\u{0}", with: "\u{FFFD}")
      if let plain = latin1(value) {
        chunks += chunk("tEXt", keyword + [0] + plain)
      } else {
        chunks += chunk("iTXt", keyword + [0, 0, 0, 0, 0] + Array(value.utf8))
      }
    }
    return file[..<headerEnd] + chunks + file[headerEnd...]
  }

  /// The texts of a PNG file, in their order; stops at the first chunk that does not fit the file.
  package static func text(in file: [UInt8]) -> [(key: String, value: String)] {
    var texts: [(key: String, value: String)] = []
    var at = signature.count
    while let (type, size) = heading(at, in: file), size <= file.count - at - around {
      let body = file[(at + 8)..<(at + 8 + size)]
      if let separator = body.firstIndex(of: 0) {
        let key = String(String.UnicodeScalarView(body[..<separator].map { Unicode.Scalar($0) }))
        let rest = body[(separator + 1)...]
        switch type {
        case "tEXt":
          texts.append((key, String(String.UnicodeScalarView(rest.map { Unicode.Scalar($0) }))))
        case "iTXt" where rest.first == 0:
          // Compression flag and method, then language and translated keyword, each ended by NUL.
          let parts = rest.dropFirst(2).split(
            separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
          if parts.count == 3 { texts.append((key, String(decoding: parts[2], as: UTF8.self))) }
        default: break
        }
      }
      at += around + size
    }
    return texts
  }

  /// Refuses a file with a chunk of more bytes than follow: libpng would allocate and clear them, up
  /// to 2 GB, before it reads the first.
  static func check(_ file: [UInt8], place: String) throws {
    var at = signature.count
    while let (type, size) = heading(at, in: file), type != "IEND" {
      guard size <= file.count - at - around else {
        throw Failure(
          place,
          "cannot be read as PNG: expected \(size) bytes of a chunk, found"
            + " \(max(0, file.count - at - around))")
      }
      at += around + size
    }
  }

  /// Bytes of a chunk beside its body: length and type before it, checksum after it.
  private static let around = 12

  /// The type of the chunk that begins at `at`, and how many bytes its body has by its own account;
  /// nil at the end.
  private static func heading(_ at: Int, in file: [UInt8]) -> (type: String, size: Int)? {
    guard file.count - at >= 8 else { return nil }
    let size = file[at..<(at + 4)].reduce(0) { $0 << 8 | Int($1) }
    return (String(decoding: file[(at + 4)..<(at + 8)], as: UTF8.self), size)
  }

  /// `text` in Latin-1 without the control codes 0x80 to 0x9F; nil when a character has no place
  /// there.
  private static func latin1(_ text: String) -> [UInt8]? {
    let bytes = text.unicodeScalars.compactMap { UInt8(exactly: $0.value) }
    guard bytes.count == text.unicodeScalars.count,
      !bytes.contains(where: { (0x7F...0x9F).contains($0) })
    else { return nil }
    return bytes
  }

  private static func chunk(_ type: String, _ body: [UInt8]) -> [UInt8] {
    func bigEndian(_ value: UInt32) -> [UInt8] {
      [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }
    let content = Array(type.utf8) + body
    return bigEndian(UInt32(body.count)) + content + bigEndian(checksum(content))
  }

  /// CRC-32 as in zlib: polynomial 0xEDB88320, reflected.
  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~0) { sum, byte in
      (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum >> 1 ^ (sum & 1 == 0 ? 0 : 0xEDB8_8320) }
    }
  }
}
