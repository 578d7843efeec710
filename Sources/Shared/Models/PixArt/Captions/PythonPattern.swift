import Foundation

/// A regular expression with the meaning that Python's `re` gives it: `\w`, `\d`, `\s` and `\b` by
/// Python's idea of letters, digits and spaces, and `$` before a closing line break too.
struct PythonPattern: Sendable {
  /// Python's `str.isspace`: Unicode white space and the four separators from U+001C.
  private static let spaces =
    #"\t-\r\x1C- \x85\xA0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"#
  /// Python's `str.isalnum`, and `_`.
  private static let word = #"\p{L}\p{N}_"#

  private static let meanings = [
    #"\w"#: "[\(word)]", #"\W"#: "[^\(word)]",
    #"\d"#: #"\p{Nd}"#, #"\D"#: #"\P{Nd}"#,
    #"\s"#: "[\(spaces)]", #"\S"#: "[^\(spaces)]",
    #"\b"#: "(?:(?<=[\(word)])(?![\(word)])|(?<![\(word)])(?=[\(word)]))",
  ]

  private let expression: NSRegularExpression

  /// - Parameter pattern: a constant of this program; `#` and `&` need no backslash, `[` in a set
  ///   does.
  init(_ pattern: String) {
    var translated = ""
    var rest = pattern[...]
    while let character = rest.first {
      let length = character == "\\" ? 2 : 1
      let part = String(rest.prefix(length))
      rest = rest.dropFirst(length)
      translated += part == "$" ? #"(?=\n?\z)"# : PythonPattern.meanings[part] ?? part
    }
    do {
      expression = try NSRegularExpression(pattern: translated)
    } catch {
      preconditionFailure("the pattern \(pattern) is none")
    }
  }

  /// `text` with each match replaced by `replacement`, in which `$1` is the first group.
  func replacing(in text: String, with replacement: String) -> String {
    expression.stringByReplacingMatches(
      in: text, range: NSRange(location: 0, length: text.utf16.count), withTemplate: replacement)
  }

  /// `text` with each match replaced by what `replacement` makes of it.
  func replacing(in text: String, by replacement: (String) -> String) -> String {
    let whole = text as NSString
    var (result, end) = ("", 0)
    for match in matches(in: text) {
      result += whole.substring(with: NSRange(location: end, length: match.location - end))
      result += replacement(whole.substring(with: match))
      end = match.location + match.length
    }
    return result + whole.substring(from: end)
  }

  func count(in text: String) -> Int { matches(in: text).count }

  /// Where the matches are, in UTF-16.
  private func matches(in text: String) -> [NSRange] {
    expression.matches(in: text, range: NSRange(location: 0, length: text.utf16.count))
      .map(\.range)
  }
}

extension String {
  init(scalars: some Sequence<Unicode.Scalar>) {
    self.init(UnicodeScalarView(scalars))
  }
}
