import Platform

/// The tokens of a tokenizer that are matched as they are written, special ones and added ones: each
/// stands for one id where a text has it, as in transformers.
///
/// *Limitation:* a token is found in the text as it is, also where its file says `normalized`.
struct SpecialTokens: Sendable {
  struct Token: Sendable {
    let text: [UInt8]
    let id: Int32
    /// Whether it is found only where no letter, digit or underscore touches it.
    var isWord = false
  }

  enum Part {
    case special(Token)
    /// UTF-8 between tokens, at least one byte.
    case text(ArraySlice<UInt8>)
  }

  /// Longer ones first, so that none hides another that it is the beginning of.
  private let tokens: [Token]
  private let firstBytes: Set<UInt8>

  /// Of tokens with one text the first counts.
  init(_ tokens: [Token]) {
    var seen: Set<[UInt8]> = []
    self.tokens = tokens.filter { !$0.text.isEmpty && seen.insert($0.text).inserted }
      .sorted { $0.text.count > $1.text.count }
    firstBytes = Set(self.tokens.map { $0.text[0] })
  }

  /// `text` cut before and after each token, found from left to right.
  func parts(of text: String) -> [Part] {
    let bytes = Array(text.utf8)
    var parts: [Part] = []
    var start = 0
    var at = 0
    while let open = bytes[at...].firstIndex(where: firstBytes.contains) {
      let found = tokens.first { token in
        bytes[open...].starts(with: token.text)
          && (!token.isWord || standsAlone(open..<(open + token.text.count), in: bytes))
      }
      guard let found else {
        at = open + 1
        continue
      }
      if start < open { parts.append(.text(bytes[start..<open])) }
      parts.append(.special(found))
      at = open + found.text.count
      start = at
    }
    if start < bytes.count { parts.append(.text(bytes[start...])) }
    return parts
  }

  /// Checks that the text encoder knows the tokens that were found.
  ///
  /// - Parameters:
  ///   - ids: of a text.
  ///   - rows: of the text encoder's embedding; nil: not known.
  ///   - path: of the tokenizer, for messages.
  /// - Throws: `Failure` naming a token whose id is beyond them.
  func check(_ ids: [Int32], below rows: Int?, path: String) throws {
    guard let rows, let id = ids.first(where: { $0 >= rows }) else { return }
    let text = tokens.first { $0.id == id }.map { String(decoding: $0.text, as: UTF8.self) }
    throw Failure(
      path,
      "token \(text ?? String(id)): expected an id below the \(rows) rows of the text encoder's "
        + "embedding, found \(id)")
  }

  private func standsAlone(_ range: Range<Int>, in bytes: [UInt8]) -> Bool {
    func isOfWord(_ scalar: Unicode.Scalar?) -> Bool {
      scalar.map { $0 == "_" || $0.properties.isAlphabetic || $0.properties.numericType != nil }
        ?? false
    }
    // A character is at most 4 bytes.
    let before = String(decoding: bytes[..<range.lowerBound].suffix(4), as: UTF8.self)
    let after = String(decoding: bytes[range.upperBound...].prefix(4), as: UTF8.self)
    return !isOfWord(before.unicodeScalars.last) && !isOfWord(after.unicodeScalars.first)
  }
}
