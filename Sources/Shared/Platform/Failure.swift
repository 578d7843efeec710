/// What went wrong, as the one line a user reads: `place: what was expected, what was found`.
///
/// The place is a file, or a file and a tensor (`model.safetensors: blocks.0.weight`). The tool's
/// name is put before it where the line is printed. Lower case, no full stop, one line. What comes
/// from a file may be of any length (a name, a shape of thousands of numbers, a value): each of the
/// two is shortened in its middle.
package struct Failure: Error, Equatable, CustomStringConvertible {
  package let description: String

  /// Of each part what a message shows, in Unicode scalars: a path may be as long (`PATH_MAX`), a
  /// problem is a sentence or two.
  private static let (longestPlace, longestProblem) = (4096, 1000)

  package init(_ place: String, _ problem: String) {
    let (place, problem) = (
      Failure.shortened(place, to: Failure.longestPlace),
      Failure.shortened(problem, to: Failure.longestProblem)
    )
    description = "\(place): \(problem)".replacing("\n", with: " ")
  }

  package init(_ problem: String) {
    description = Failure.shortened(problem, to: Failure.longestPlace)
      .replacing("\n", with: " ")
  }

  /// `text` with the middle left out where it has more than `limit` scalars: its beginning says
  /// what it is about, its end what to do.
  private static func shortened(_ text: String, to limit: Int) -> String {
    guard text.utf8.count > limit, text.unicodeScalars.count > limit else { return text }
    let (start, end) = (limit * 2 / 3, limit / 3 - 1)
    var short = String.UnicodeScalarView(text.unicodeScalars.prefix(start))
    short.append("…")
    short.append(contentsOf: text.unicodeScalars.suffix(end))
    return String(short)
  }
}
