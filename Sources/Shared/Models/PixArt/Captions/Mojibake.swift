/// Repairs text whose UTF-8 was read by a code page ("â€¦" for "…"), as `ftfy` 6.3 does: once more,
/// or as often as it looks wrong.
///
/// Only what looks wrong is touched, see `UnlikelyText`. *Limitations:* the pair of U+00C2 and a
/// space, which has rules of its own there, does not look wrong here; no Â is left in lower case.
func withoutMojibake(_ text: String) -> String {
  var text = text
  while true {
    let next = onceRepaired(text)
    if next.utf8.elementsEqual(text.utf8) { return text }
    text = next
  }
}

private func onceRepaired(_ text: String) -> String {
  let scalars = Array(text.unicodeScalars)
  guard UnlikelyText.isContained(in: scalars) else { return text }
  var pages: Set<String> = []
  for page in CodePage.repaired {
    guard var bytes = page.bytes(of: scalars) else { continue }
    if page.name != "macRoman" { bytes = BrokenUTF8.withNoBreakSpaces(bytes) }
    if page.isWindows { bytes = BrokenUTF8.withReplacements(bytes) }
    if let decoded = BrokenUTF8.decoded(bytes) { return decoded }
    pages.insert(page.name)
  }
  let parts = partlyRepaired(scalars)
  if parts != scalars { return String(scalars: parts) }
  // Plain Latin-1, which is likely to be meant.
  if pages.isSuperset(of: [CodePage.latin1.name, CodePage.windows1252.name]) { return text }
  return String(
    scalars: scalars.map {
      (0x80...0x9F).contains($0.value)
        ? CodePage.windows1252.scalars[Int($0.value) - 0x80] : $0
    })
}

/// Repairs the sequences that look like UTF-8, in a text that is none as a whole.
private func partlyRepaired(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
  var (result, at): ([Unicode.Scalar], Int) = ([], 0)
  while at < scalars.count {
    var end = at
    if at == 0 || !UTF8Places.inner.contains(scalars[at - 1]) {
      while let length = UTF8Places.length(of: scalars[end...]) { end += length }
    }
    let part = Array(scalars[at..<max(end, at + 1)])
    if end > at, part.count < scalars.count, UnlikelyText.isContained(in: part) {
      result += withoutMojibake(String(scalars: part)).unicodeScalars
    } else {
      result += part
    }
    at += part.count
  }
  return result
}

/// What the bytes of UTF-8 look like in the code pages of most mojibake.
private enum UTF8Places {
  /// Bytes after the first; a space may have been a no-break space.
  private static let next = characters(0x80...0xBF).union([" "])
  /// Those that a sequence does not follow: all but the space and punctuation that is common.
  static let inner = next.subtracting(" –—―‘’‚“”„•…".unicodeScalars)
  /// Those that begin two, three and four bytes.
  private static let first = [
    characters(0xC2...0xDF), characters(0xE0...0xEF), characters(0xF0...0xF4),
  ]

  /// How many characters of `text` look like one sequence; nil: none.
  static func length(of text: ArraySlice<Unicode.Scalar>) -> Int? {
    guard let lead = text.first else { return nil }
    return first.indices.first { index in
      let rest = text.dropFirst().prefix(index + 1)
      return first[index].contains(lead) && rest.count == index + 1
        && rest.allSatisfy(next.contains)
    }.map { $0 + 2 }
  }

  private static func characters(_ bytes: ClosedRange<Int>) -> Set<Unicode.Scalar> {
    let pages = CodePage.repaired.filter { !["macRoman", "cp437"].contains($0.name) }
    return Set(pages.flatMap { page in bytes.map { page.scalars[$0 - 0x80] } })
  }
}

extension CodePage {
  /// In the order in which they are tried.
  static let repaired =
    [latin1, windows1252]
    + [
      "windows1251", "windows1250", "windows1253", "windows1254", "windows1257", "latin2",
      "macRoman", "cp437",
    ].map(CodePage.init)

  var isWindows: Bool { name.hasPrefix("windows") }

  /// The bytes that read as `scalars`, nil if there are none.
  ///
  /// In Windows' pages U+FFFD stands for a byte that was lost.
  func bytes(of scalars: [Unicode.Scalar]) -> [UInt8]? {
    let canLose = isWindows && !scalars.contains("\u{1A}")
    var bytes: [UInt8] = []
    for scalar in scalars {
      if canLose, scalar == "\u{FFFD}" {
        bytes.append(BrokenUTF8.lost)
      } else if let byte = byte(of: scalar) {
        bytes.append(byte)
      } else {
        return nil
      }
    }
    return bytes
  }
}
