import Foundation
import Platform

/// Where pictures go: one name, a pattern with `%d` (or `%03d`) for their number, or `-` for
/// stdout.
package struct OutputName: Sendable {
  private let text: String

  /// - Throws: `Failure` when several pictures would get one name.
  package init(_ text: String, pictures: Int) throws {
    self.text = text
    guard pictures == 1 || text.contains(/%(0\d)?d/) else {
      throw Failure(
        "output \(text == "-" ? "<stdout>" : text)",
        "expected %d in the name for \(pictures) pictures, as in out-%03d.png")
    }
  }

  /// The name of picture `number`, counted from 0.
  package func name(_ number: Int) -> String {
    text.replacing(/%(?:0(\d))?d/) { match in
      let digits = String(number)
      let width = match.1.flatMap { Int($0) } ?? 0
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
  }
}
