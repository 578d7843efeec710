/// Token ids of a text and which of them are real, [length] each.
package struct Tokens: Equatable, Sendable {
  package let ids: [Int32]
  package let mask: [Bool]

  /// The ids `real`, then as many of `padID` as make `length`, which is no less than their number.
  init(real: [Int32], paddedTo length: Int, with padID: Int32) {
    let padding = length - real.count
    precondition(padding >= 0, "\(real.count) tokens for a length of \(length)")
    ids = real + Array(repeating: padID, count: padding)
    mask = Array(repeating: true, count: real.count) + Array(repeating: false, count: padding)
  }

  /// The real ones alone.
  var withoutPadding: Tokens {
    let real = zip(ids, mask).filter(\.1).map(\.0)
    return Tokens(real: real, paddedTo: real.count, with: 0)
  }
}
