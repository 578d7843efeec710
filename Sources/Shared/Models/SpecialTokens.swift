/// The special tokens of a tokenizer, which stand for one id each where a text has them written
/// out, as in transformers.
struct SpecialTokens: Sendable {
  typealias Token = (text: [UInt8], id: Int32)

  enum Part: Equatable {
    case special(Int32)
    /// UTF-8 between special tokens, at least one byte.
    case text(ArraySlice<UInt8>)
  }

  /// Longer ones first, so that none hides another that it is the beginning of.
  private let tokens: [Token]
  private let firstBytes: Set<UInt8>

  init(_ tokens: [Token]) {
    self.tokens = tokens.filter { !$0.text.isEmpty }.sorted { $0.text.count > $1.text.count }
    firstBytes = Set(self.tokens.map { $0.text[0] })
  }

  /// `text` cut before and after each special token, found from left to right.
  func parts(of text: String) -> [Part] {
    let bytes = Array(text.utf8)
    var parts: [Part] = []
    var start = 0
    var at = 0
    while let open = bytes[at...].firstIndex(where: firstBytes.contains) {
      guard let token = tokens.first(where: { bytes[open...].starts(with: $0.text) }) else {
        at = open + 1
        continue
      }
      if start < open { parts.append(.text(bytes[start..<open])) }
      parts.append(.special(token.id))
      at = open + token.text.count
      start = at
    }
    if start < bytes.count { parts.append(.text(bytes[start...])) }
    return parts
  }
}
