import Foundation
import Platform

/// A JSON document, strict as RFC 8259 and serde_json are, for file headers and model
/// configurations.
///
/// Ours, because Foundation's parser merges duplicate keys without a word and reads 1e2 as a whole
/// number, so it cannot give the verdicts of the safetensors library, and because it refuses the
/// `-Infinity` that Python writes into scheduler configurations (`allowNonFinite`). Keys keep their
/// order; numbers keep their text.
package indirect enum JSON: Equatable, Sendable {
  case null
  case bool(Bool)
  case number(String)
  case string(String)
  case array([JSON])
  case object([Member])

  package struct Member: Equatable, Sendable {
    package let key: String
    package let value: JSON

    package init(key: String, value: JSON) { (self.key, self.value) = (key, value) }
  }

  package struct SyntaxError: Error {
    /// Byte offset in the text.
    package let offset: Int
    package let expected: String

    /// `byte 5: expected ':', found 'x'`, of the text that was parsed.
    package func message(in text: UnsafeRawBufferPointer) -> String {
      let found =
        offset < text.count
        ? "'\(String(decoding: text[offset...].prefix(1), as: UTF8.self))'" : "the end"
      return "byte \(offset): expected \(expected), found \(found)"
    }
  }

  /// Parses UTF-8 text.
  ///
  /// - Throws: `SyntaxError` at the first byte that does not fit. Nesting of 128 levels is refused,
  ///   as serde_json does.
  package init(parsing bytes: UnsafeRawBufferPointer, allowNonFinite: Bool = false) throws {
    var parser = Parser(bytes: bytes, allowNonFinite: allowNonFinite)
    self = try parser.document()
  }

  /// The value under `key` of an object; the last one when the key is repeated.
  package subscript(key: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.last { $0.key == key }?.value
  }

  /// The members of a JSON object in `text`, which came from the metadata of `place`.
  ///
  /// - Throws: `Failure` when it is anything else.
  package static func object(_ text: String, place: String) throws -> [(String, JSON)] {
    // What is no JSON at all is shown as the text that it is.
    let json = (try? Array(text.utf8).withUnsafeBytes { try JSON(parsing: $0) }) ?? .string(text)
    guard case .object(let members) = json else {
      throw Failure(place, "expected a JSON object in the metadata, found \(json)")
    }
    return members.map { ($0.key, $0.value) }
  }

  /// The strings of a JSON array in `text`, which came from the metadata of `place`.
  ///
  /// - Throws: `Failure` when it is anything else.
  package static func strings(_ text: String, place: String) throws -> [String] {
    let json = (try? Array(text.utf8).withUnsafeBytes { try JSON(parsing: $0) }) ?? .string(text)
    guard case .array(let elements) = json, elements.allSatisfy({ $0.string != nil }) else {
      throw Failure(place, "expected a JSON array of strings in the metadata, found \(json)")
    }
    return elements.compactMap(\.string)
  }

  /// `texts` as a JSON array.
  package static func list(_ texts: [String]) -> String {
    "[\(texts.map(quote).joined(separator: ","))]"
  }

  /// `text` as a JSON string, with quotes.
  package static func quote(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\u{0}"..."\u{1F}": quoted += String(format: "\\u%04x", scalar.value)
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }

  /// What this is, in words.
  package var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .number: "a number"
    case .string: "a string"
    case .array: "a list"
    case .object: "an object"
    }
  }

  /// The whole number, when this is one without fraction or exponent.
  package var int: Int? {
    guard case .number(let text) = self else { return nil }
    return Int(text)
  }

  package var string: String? { if case .string(let text) = self { text } else { nil } }

  package var double: Double? {
    guard case .number(let text) = self else { return nil }
    return Double(text)
  }
}

extension JSON {
  private struct Parser {
    let bytes: UnsafeRawBufferPointer
    let allowNonFinite: Bool
    var at = 0
    var depth = 0

    func fail(_ expected: String) -> SyntaxError { SyntaxError(offset: at, expected: expected) }

    var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    mutating func skipSpace() {
      while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
        at += 1
      }
    }

    mutating func take(_ character: Character) throws {
      guard next == character.asciiValue else { throw fail("'\(character)'") }
      at += 1
    }

    mutating func takeWord(_ word: String) -> Bool {
      let text = Array(word.utf8)
      guard at + text.count <= bytes.count, bytes[at..<(at + text.count)].elementsEqual(text) else {
        return false
      }
      at += text.count
      return true
    }

    mutating func document() throws -> JSON {
      skipSpace()
      let value = try self.value()
      skipSpace()
      guard at == bytes.count else { throw fail("the end") }
      return value
    }

    mutating func value() throws -> JSON {
      switch next {
      case UInt8(ascii: "{"): return try nested { try $0.object() }
      case UInt8(ascii: "["): return try nested { try $0.array() }
      case UInt8(ascii: "\""): return .string(try string())
      default: break
      }
      if takeWord("null") { return .null }
      if takeWord("true") { return .bool(true) }
      if takeWord("false") { return .bool(false) }
      if allowNonFinite {
        for word in ["-Infinity", "Infinity", "NaN"] where takeWord(word) { return .number(word) }
      }
      guard let byte = next, byte == UInt8(ascii: "-") || (0x30...0x39).contains(byte) else {
        throw fail("a value")
      }
      return .number(try number())
    }

    mutating func nested(_ body: (inout Parser) throws -> JSON) throws -> JSON {
      depth += 1
      guard depth < 128 else { throw fail("fewer than 128 levels") }
      at += 1
      let value = try body(&self)
      depth -= 1
      return value
    }

    mutating func object() throws -> JSON {
      var members: [Member] = []
      skipSpace()
      if next == UInt8(ascii: "}") {
        at += 1
        return .object([])
      }
      while true {
        skipSpace()
        let key = try string()
        skipSpace()
        try take(":")
        skipSpace()
        members.append(Member(key: key, value: try value()))
        skipSpace()
        if next == UInt8(ascii: ",") {
          at += 1
          continue
        }
        try take("}")
        return .object(members)
      }
    }

    mutating func array() throws -> JSON {
      var elements: [JSON] = []
      skipSpace()
      if next == UInt8(ascii: "]") {
        at += 1
        return .array([])
      }
      while true {
        skipSpace()
        elements.append(try value())
        skipSpace()
        if next == UInt8(ascii: ",") {
          at += 1
          continue
        }
        try take("]")
        return .array(elements)
      }
    }

    mutating func digits() throws {
      guard let byte = next, (0x30...0x39).contains(byte) else { throw fail("a digit") }
      while let byte = next, (0x30...0x39).contains(byte) { at += 1 }
    }

    mutating func number() throws -> String {
      let start = at
      if next == UInt8(ascii: "-") { at += 1 }
      if next == UInt8(ascii: "0") { at += 1 } else { try digits() }
      if next == UInt8(ascii: ".") {
        at += 1
        try digits()
      }
      if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
        at += 1
        if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { at += 1 }
        try digits()
      }
      return String(decoding: bytes[start..<at], as: UTF8.self)
    }

    mutating func string() throws -> String {
      try take("\"")
      var text: [UInt8] = []
      while let byte = next {
        at += 1
        switch byte {
        case UInt8(ascii: "\""):
          guard let string = String(validating: text, as: UTF8.self) else { throw fail("UTF-8") }
          return string
        case UInt8(ascii: "\\"): text += String(try escape()).utf8
        case ..<0x20: throw fail("no control character in a string")
        default: text.append(byte)
        }
      }
      throw fail("'\"'")
    }

    mutating func escape() throws -> Character {
      guard let byte = next else { throw fail("an escape") }
      at += 1
      switch byte {
      case UInt8(ascii: "\""): return "\""
      case UInt8(ascii: "\\"): return "\\"
      case UInt8(ascii: "/"): return "/"
      case UInt8(ascii: "b"): return "\u{8}"
      case UInt8(ascii: "f"): return "\u{C}"
      case UInt8(ascii: "n"): return "\n"
      case UInt8(ascii: "r"): return "\r"
      case UInt8(ascii: "t"): return "\t"
      case UInt8(ascii: "u"):
        let first = try hex()
        if let scalar = Unicode.Scalar(first) { return Character(scalar) }
        // A surrogate: its other half must follow.
        guard first < 0xDC00, takeWord("\\u") else { throw fail("a surrogate pair") }
        let second = try hex()
        guard (0xDC00..<0xE000).contains(second),
          let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
        else { throw fail("a surrogate pair") }
        return Character(scalar)
      default: throw fail("an escape")
      }
    }

    mutating func hex() throws -> UInt32 {
      guard at + 4 <= bytes.count else { throw fail("four hexadecimal digits") }
      var value: UInt32 = 0
      for byte in bytes[at..<(at + 4)] {
        guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
          throw fail("four hexadecimal digits")
        }
        value = value << 4 | UInt32(digit)
      }
      at += 4
      return value
    }
  }
}
