import Foundation

/// BERT's way from a text to words, before they are cut into pieces (the `BertNormalizer` and the
/// `BertPreTokenizer` of Hugging Face's tokenizers, which transformers 5 uses).
///
/// Control characters are left out, white space ends a word, punctuation and, if asked for, Chinese
/// characters are words of their own; accents are stripped and letters lower-cased if asked for.
package struct BertWords: Sendable {
  private let lowercases: Bool
  private let stripsAccents: Bool
  private let splitsChinese: Bool

  package init(lowercases: Bool, stripsAccents: Bool, splitsChinese: Bool) {
    self.lowercases = lowercases
    self.stripsAccents = stripsAccents
    self.splitsChinese = splitsChinese
  }

  /// The words of `text`, as UTF-8; none is empty.
  package func callAsFunction(_ text: some StringProtocol) -> [[UInt8]] {
    // Arrays, as appending to a view of a string copies it each time.
    var cleaned: [Unicode.Scalar] = []
    for scalar in text.unicodeScalars where !scalar.isLeftOut {
      if scalar.properties.isWhitespace {
        cleaned.append(" ")
      } else if splitsChinese, scalar.isChinese {
        cleaned += [" ", scalar, " "]
      } else {
        cleaned.append(scalar)
      }
    }
    var words: [[UInt8]] = []
    var word: [UInt8] = []
    func end() {
      if !word.isEmpty { words.append(word) }
      word = []
    }
    for scalar in decomposed(cleaned) {
      if scalar == " " {
        end()
      } else if scalar.isPunctuation {
        end()
        words.append(Array(UTF8.encode(scalar)!))
      } else {
        word += UTF8.encode(scalar)!
      }
    }
    end()
    return words
  }

  private func decomposed(_ cleaned: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var scalars = cleaned
    if stripsAccents {
      let text = String(String.UnicodeScalarView(cleaned))
      scalars = text.decomposedStringWithCanonicalMapping.unicodeScalars
        .filter { $0.oldCategory != .nonspacingMark }
    }
    return lowercases
      ? scalars.flatMap { $0.properties.lowercaseMapping.unicodeScalars } : scalars
  }
}

extension Unicode.Scalar {
  /// The general category in Unicode 8, whose tables the tokenizers have: unassigned for what came
  /// later.
  fileprivate var oldCategory: Unicode.GeneralCategory {
    switch value {
    // These changed their category since.
    case 0x166D, 0x111C9: return .otherPunctuation
    case 0x1734, 0x1171E: return .nonspacingMark
    case 0xA9BD: return .spacingMark
    case 0x1885, 0x1886: return .otherLetter
    default:
      guard let age = properties.age, age.major <= 8 else { return .unassigned }
      return properties.generalCategory
    }
  }

  /// Control and format characters, private ones, and U+FFFD, which stands for broken text.
  fileprivate var isLeftOut: Bool {
    if self == "\t" || self == "\n" || self == "\r" { return false }
    if self == "\u{FFFD}" { return true }
    return switch oldCategory {
    case .control, .format, .privateUse: true
    default: false
    }
  }

  /// Unicode punctuation, and all of ASCII that is no letter, digit or control character.
  fileprivate var isPunctuation: Bool {
    if isASCII {
      return (0x21...0x7E).contains(value) && !("0"..."9").contains(self)
        && !("A"..."Z").contains(self) && !("a"..."z").contains(self)
    }
    return switch oldCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
      .initialPunctuation, .finalPunctuation, .otherPunctuation:
      true
    default: false
    }
  }

  /// The blocks of CJK ideographs as BERT has them; the fifth begins at U+2B920, where Unicode's
  /// Extension E begins at U+2B820.
  fileprivate var isChinese: Bool {
    switch value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B81F,
      0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }
}
