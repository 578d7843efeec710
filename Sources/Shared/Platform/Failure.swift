/// What went wrong, as the one line a user reads: `place: what was expected, what was found`.
///
/// The place is a file, or a file and a tensor (`model.safetensors: blocks.0.weight`). The tool's
/// name is put before it where the line is printed. Lower case, no full stop, one line.
package struct Failure: Error, Equatable, CustomStringConvertible {
  package let description: String

  package init(_ place: String, _ problem: String) {
    description = "\(place): \(problem)".replacing("\n", with: " ")
  }

  package init(_ problem: String) { description = problem.replacing("\n", with: " ") }
}
