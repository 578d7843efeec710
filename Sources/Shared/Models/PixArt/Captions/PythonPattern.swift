import Foundation

/// A regular expression with the meaning that Python's `re` gives it: `\w`, `\d`, `\s` and `\b` by
/// Python's idea of letters, digits and spaces, and `$` before a closing line break too.
///
/// Ours, because a prompt may be a megabyte of anything, and the time of Foundation's grows with
/// the square of that for most patterns of captions.
struct PythonPattern: Sendable {
  private let program: PatternProgram

  /// - Parameter pattern: a constant of this program; `[` in a set needs a backslash.
  init(_ pattern: String) { program = PatternProgram(PatternParser.parse(pattern)) }

  /// `text` with each match replaced by `replacement`, in which `$1` is the first group.
  func replacing(in text: String, with replacement: String) -> String {
    let parts = replacement.components(separatedBy: "$1").map { Array($0.unicodeScalars) }
    return replacing(in: text) { scalars, match in
      let group = match.group.map { Array(scalars[$0]) } ?? []
      return Array(parts.joined(separator: group))
    }
  }

  /// `text` with each match replaced by what `replacement` makes of it.
  func replacing(in text: String, by replacement: (String) -> String) -> String {
    replacing(in: text) { scalars, match in
      Array(replacement(String(scalars: scalars[match.range])).unicodeScalars)
    }
  }

  private func replacing(
    in text: String,
    by replacement: (_ text: [Unicode.Scalar], _ match: PatternProgram.Match) -> [Unicode.Scalar]
  ) -> String {
    let scalars = Array(text.unicodeScalars)
    let matches = program.matches(in: scalars)
    guard !matches.isEmpty else { return text }
    var (result, end) = ([Unicode.Scalar](), 0)
    result.reserveCapacity(scalars.count)
    for match in matches {
      result += scalars[end..<match.range.lowerBound]
      result += replacement(scalars, match)
      end = match.range.upperBound
    }
    return String(scalars: result + scalars[end...])
  }

  func count(in text: String) -> Int { program.matches(in: Array(text.unicodeScalars)).count }
}

extension String {
  init(scalars: some Sequence<Unicode.Scalar>) {
    self.init(UnicodeScalarView(scalars))
  }
}
