/// How the PixArt pipelines prepare a prompt with `clean_caption` off: `prompt.lower().strip()`, as
/// Python does it.
package func preparedPrompt(_ prompt: String) -> String {
  let scalars = Array(prompt.unicodeScalars)
  // An array, as appending to a view of a string copies it each time.
  var lowered: [Unicode.Scalar] = []
  for (index, scalar) in scalars.enumerated() {
    if scalar == "\u{3A3}" {
      lowered.append(isFinalSigma(scalars, index) ? "\u{3C2}" : "\u{3C3}")
    } else {
      lowered += scalar.properties.lowercaseMapping.unicodeScalars
    }
  }
  return stripped(String(scalars: lowered))
}

/// Python's `str.strip`.
func stripped(_ text: String) -> String {
  let scalars = text.unicodeScalars
  guard let first = scalars.firstIndex(where: { !isSpace($0) }),
    let last = scalars.lastIndex(where: { !isSpace($0) })
  else { return "" }
  return String(scalars[first...last])
}

/// Unicode's Final_Sigma: a cased letter before, none after, case-ignorable characters between not
/// counted.
private func isFinalSigma(_ scalars: [Unicode.Scalar], _ index: Int) -> Bool {
  func isCased(_ part: some Sequence<Unicode.Scalar>) -> Bool {
    part.first { !$0.properties.isCaseIgnorable }?.properties.isCased ?? false
  }
  return isCased(scalars[..<index].reversed()) && !isCased(scalars[(index + 1)...])
}

/// Python's `str.isspace`: Unicode white space and the four separators from U+001C to U+001F.
func isSpace(_ scalar: Unicode.Scalar) -> Bool {
  scalar.properties.isWhitespace || ("\u{1C}"..."\u{1F}").contains(scalar)
}
