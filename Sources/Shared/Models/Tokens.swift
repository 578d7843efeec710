/// Token ids of a text and which of them are real, [length] each.
package struct Tokens: Equatable, Sendable {
  package let ids: [Int32]
  package let mask: [Bool]
  /// The end of the text that there was no room for; empty where all of it is read.
  package let unread: String

  /// The ids `real`, then as many of `padID` as make `length`, which is no less than their number.
  init(real: [Int32], paddedTo length: Int, with padID: Int32, unread: String = "") {
    let padding = length - real.count
    precondition(padding >= 0, "\(real.count) tokens for a length of \(length)")
    self.unread = unread
    ids = real + Array(repeating: padID, count: padding)
    mask = Array(repeating: true, count: real.count) + Array(repeating: false, count: padding)
  }

  /// The real ones alone.
  var withoutPadding: Tokens {
    let real = zip(ids, mask).filter(\.1).map(\.0)
    return Tokens(real: real, paddedTo: real.count, with: 0, unread: unread)
  }

  /// The end of `text` that is left when only its first `limit` ids are read.
  ///
  /// - Parameters:
  ///   - text: any.
  ///   - limit: how many ids are read.
  ///   - count: how many ids a text has.
  /// - Returns: from the first character on whose ids do not all fit.
  static func unread(
    of text: String, limit: Int, count: (_ text: String) throws -> Int
  ) rethrows -> String {
    // Of a longer beginning the ids are no fewer, so the longest that fits is found by halves.
    let characters = Array(text)
    var (fits, tooLong) = (0, characters.count + 1)
    while tooLong - fits > 1 {
      let middle = (fits + tooLong) / 2
      if try count(String(characters[..<middle])) <= limit {
        fits = middle
      } else {
        tooLong = middle
      }
    }
    return String(characters[fits...])
  }
}
