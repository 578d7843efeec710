/// UTF-8 that went through other hands: no-break spaces that became spaces, bytes that were lost,
/// surrogates.
enum BrokenUTF8 {
  /// ASCII's SUBSTITUTE, in place of a byte that was lost.
  static let lost: UInt8 = 0x1A

  private static let space = UInt8(ascii: " ")

  /// How many bytes a sequence has that begins with `byte`; nil: none begins so.
  private static func length(of byte: UInt8) -> Int? {
    switch byte {
    case 0xC2...0xDF: 2
    case 0xE0...0xEF: 3
    case 0xF0...0xF4: 4
    default: nil
    }
  }

  /// `bytes` with 0xA0 for the spaces that belong to sequences, where text would be unlikely to
  /// have the space.
  static func withNoBreakSpaces(_ bytes: [UInt8]) -> [UInt8] {
    var (result, at): ([UInt8], Int) = ([], 0)
    while at < bytes.count {
      let part = Array(bytes[at...].prefix(length(of: bytes[at]) ?? 1))
      guard isBrokenBySpace(part) else {
        result.append(bytes[at])
        at += 1
        continue
      }
      result += part.map { $0 == space ? 0xA0 : $0 }
      at += part.count
      // "à" is a word of its own, whose space was lost with the byte.
      if part == [0xC3, space], at < bytes.count, bytes[at] != space, !isJoined(bytes[at...]) {
        result.append(space)
      }
    }
    return result
  }

  private static func isBrokenBySpace(_ part: [UInt8]) -> Bool {
    func isNext(_ byte: UInt8) -> Bool { (0x80...0xBF).contains(byte) }
    func isRare(_ byte: UInt8) -> Bool { isNext(byte) && byte != 0x85 && byte != 0xA0 }
    switch part.count {
    case 2: return [0xC2, 0xC3, 0xC5, 0xCE, 0xD0, 0xD9].contains(part[0]) && part[1] == space
    case 3 where (0xE0...0xE3).contains(part[0]):
      return part[0] >= 0xE2 && part[1] == space && isRare(part[2])
        || isRare(part[1]) && part[2] == space
    case 4 where part[0] == 0xF0:
      return part.count { $0 == space } == 1
        && part.dropFirst().allSatisfy { isNext($0) || $0 == space }
    default: return false
    }
  }

  /// Words of Portuguese and Italian that are written together with "à".
  private static func isJoined(_ rest: ArraySlice<UInt8>) -> Bool {
    ["quele", "quela", "quilo", "s "].contains { rest.starts(with: $0.utf8) }
  }

  /// `bytes` with U+FFFD for each sequence of which a byte was lost, and for other lost bytes.
  static func withReplacements(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.contains(lost) else { return bytes }
    var (result, at): ([UInt8], Int) = ([], 0)
    while at < bytes.count {
      let length = length(of: bytes[at]) ?? 1
      let part = bytes[at...].prefix(length)
      let rest = part.dropFirst()
      let isLost =
        part.count == length && rest.contains(lost)
        && rest.allSatisfy { $0 == lost || $0 == UInt8(ascii: "?") || (0x80...0xBF).contains($0) }
      if isLost || bytes[at] == lost {
        result += "\u{FFFD}".utf8
        at += isLost ? part.count : 1
      } else {
        result.append(bytes[at])
        at += 1
      }
    }
    return result
  }

  /// The text of `bytes`, in which characters may also be two surrogates of three bytes each, and
  /// NUL two bytes; nil for what is no text.
  static func decoded(_ bytes: [UInt8]) -> String? {
    var (plain, at): ([UInt8], Int) = ([], 0)
    while at < bytes.count {
      let part = Array(bytes[at...].prefix(6))
      if part.starts(with: [0xC0, 0x80]) {
        plain.append(0)
        at += 2
      } else if let pair = surrogates(part) {
        plain += String(decoding: pair, as: UTF16.self).utf8
        at += 6
      } else {
        plain.append(bytes[at])
        at += 1
      }
    }
    return String(validating: plain, as: UTF8.self)
  }

  /// The two surrogates that `part` begins with.
  private static func surrogates(_ part: [UInt8]) -> [UInt16]? {
    guard part.count == 6, part[0] == 0xED, part[3] == 0xED, part[1] & 0xF0 == 0xA0,
      part[4] & 0xF0 == 0xB0, part[2] & 0xC0 == 0x80, part[5] & 0xC0 == 0x80
    else { return nil }
    return [1, 4].map { 0xD000 | UInt16(part[$0] & 0x3F) << 6 | UInt16(part[$0 + 1] & 0x3F) }
  }
}
