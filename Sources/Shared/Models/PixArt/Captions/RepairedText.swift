import Foundation

/// `text` as `ftfy` 6.3's `fix_text` repairs it with its default settings: character references
/// (unless there is a `<` in or before the line), mojibake, ligatures, widths, curly quotes, line
/// breaks, terminal escapes, control characters, and NFC; line by line, until nothing changes.
///
/// Unpaired surrogates cannot occur in Swift's strings. *Limitations:* what `withoutMojibake` says;
/// references of capital letters alone (`&EACUTE;`), as captions are in lower case; lines beyond a
/// million characters are not repaired in pieces.
func repaired(_ text: String) -> String {
  var readsReferences = true
  return text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
    .map { line in
      if line.contains("<") { readsReferences = false }
      return repairedLine(String(line), readsReferences: readsReferences)
    }
    .joined(separator: "\n")
}

private func repairedLine(_ line: String, readsReferences: Bool) -> String {
  var line = line
  while true {
    var next = readsReferences ? CharacterReferences.unescapedWhereClosed(line) : line
    next = withoutMojibake(next)
    next = String(scalars: next.unicodeScalars.flatMap(plainForms))
    next = next.replacingBreaks()
    next = terminalEscape.replacing(in: next, with: "")
    next = String(scalars: next.unicodeScalars.filter { !isUseless($0) })
    next = next.precomposedStringWithCanonicalMapping
    if next.utf8.elementsEqual(line.utf8) { return line }
    line = next
  }
}

private let terminalEscape = PythonPattern(#"\x1B\[[0-9;]*[a-zA-Z]"#)

/// Letters of a ligature, characters of the usual width, straight quotes.
private func plainForms(_ scalar: Unicode.Scalar) -> [Unicode.Scalar] {
  switch scalar.value {
  case 0x149: ["\u{2BC}", "n"]
  // "ſt" keeps its long s; "st" and the others are their compatibility forms.
  case 0xFB05: ["\u{17F}", "t"]
  case 0x132, 0x133, 0x1C4...0x1CC, 0x1F1...0x1F3, 0xFB00...0xFB06, 0xFF01...0xFFEF, 0x3000:
    Array(String(scalar).precomposedStringWithCompatibilityMapping.unicodeScalars)
  case 0x2BC, 0x2018...0x201B: ["'"]
  case 0x201C...0x201F: ["\""]
  default: [scalar]
  }
}

/// Control characters without an effect on white space, marks of annotations, the byte order mark.
private func isUseless(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.value {
  case 0x00...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x206A...0x206F, 0xFEFF, 0xFFF9...0xFFFC: true
  default: false
  }
}

extension String {
  /// All kinds of line breaks as `\n`.
  fileprivate func replacingBreaks() -> String {
    let breaks: Set<Unicode.Scalar> = ["\r", "\u{85}", "\u{2028}", "\u{2029}"]
    var result = UnicodeScalarView()
    for scalar in replacingOccurrences(of: "\r\n", with: "\n").unicodeScalars {
      result.append(breaks.contains(scalar) ? "\n" : scalar)
    }
    return String(result)
  }
}
