import Foundation
import Platform

/// Reads prompts, one a line, from `path` (`-`: stdin).
///
/// Blank lines are skipped and not counted.
///
/// - Throws: `Failure` for a missing file, text that is not UTF-8 (naming the line), or no prompts
///   at all.
package func readPrompts(_ path: String) throws -> [String] {
  let file = try InputFile(path, kind: "a file of prompts")
  defer { file.finish() }
  let place = file.place
  let data = try file.read(atMost: 1 << 26)
  var prompts: [String] = []
  for (number, line) in data.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
    guard let text = String(validating: line, as: UTF8.self), !text.contains("\0") else {
      throw Failure("\(place): line \(number + 1)", "expected UTF-8 text")
    }
    let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
    if !trimmed.isEmpty { prompts.append(trimmed) }
  }
  guard !prompts.isEmpty else { throw Failure(place, "expected at least one prompt, found none") }
  return prompts
}
