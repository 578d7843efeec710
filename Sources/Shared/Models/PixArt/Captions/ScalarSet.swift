/// A set of characters as a regular expression of Python's `re` writes it.
struct ScalarSet: Sendable {
  /// Python's idea of letters, digits and spaces.
  enum Kind: Sendable {
    /// `str.isalnum`, and `_`.
    case word
    case digit
    /// `str.isspace`: Unicode white space and the four separators from U+001C.
    case space

    func contains(_ scalar: Unicode.Scalar) -> Bool {
      switch self {
      case .word:
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
          .decimalNumber, .letterNumber, .otherNumber:
          true
        default: scalar == "_"
        }
      case .digit: scalar.properties.generalCategory == .decimalNumber
      case .space: isSpace(scalar)
      }
    }
  }

  static let word = ScalarSet(kinds: [(.word, true)])

  private var ranges: [ClosedRange<UInt32>] = []
  /// Kinds, each as it is or all but it.
  private var kinds: [(kind: Kind, isMember: Bool)] = []
  private let isNegated: Bool
  /// The members below 128, a bit each.
  private var ascii: (low: UInt64, high: UInt64) = (0, 0)

  init(
    ranges: [ClosedRange<UInt32>] = [], kinds: [(Kind, Bool)] = [], isNegated: Bool = false
  ) {
    (self.ranges, self.isNegated) = (ranges, isNegated)
    self.kinds = kinds.map { (kind: $0.0, isMember: $0.1) }
    for code in UInt8(0)..<128 where decides(Unicode.Scalar(code)) {
      if code < 64 { ascii.low |= 1 << code } else { ascii.high |= 1 << (code - 64) }
    }
  }

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    let value = scalar.value
    if value < 64 { return ascii.low >> value & 1 == 1 }
    if value < 128 { return ascii.high >> (value - 64) & 1 == 1 }
    return decides(scalar)
  }

  private func decides(_ scalar: Unicode.Scalar) -> Bool {
    let isIn =
      ranges.contains { $0.contains(scalar.value) }
      || kinds.contains { $0.kind.contains(scalar) == $0.isMember }
    return isIn != isNegated
  }
}
