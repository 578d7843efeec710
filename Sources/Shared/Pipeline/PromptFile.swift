import Foundation
import Platform

/// Reads prompts, one a line, from `path` (`-`: stdin).
///
/// Blank lines are skipped and not counted; a byte order mark and carriage returns are no part of a
/// prompt.
///
/// - Throws: `Failure` for a missing file, text that is not UTF-8 (naming the line), or no prompts
///   at all.
package func readPrompts(_ path: String) throws -> [String] {
  let file = try InputFile(path, kind: "a file of prompts")
  defer { file.finish() }
  let place = file.place
  var data = try file.read(atMost: 1 << 26)
  // A byte order mark, as some editors put it before the first line.
  if data.starts(with: [0xEF, 0xBB, 0xBF]) { data.removeFirst(3) }
  var prompts: [String] = []
  for (number, line) in data.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
    guard let text = String(validating: line, as: UTF8.self), !text.contains("\0") else {
      throw Failure("\(place): line \(number + 1)", "expected UTF-8 text")
    }
    for part in text.unicodeScalars.split(separator: "\r") {
      let trimmed = String(part).trimmingCharacters(in: .whitespacesAndNewlines)
      if !trimmed.isEmpty { prompts.append(trimmed) }
    }
  }
  guard !prompts.isEmpty else { throw Failure(place, "expected at least one prompt, found none") }
  return prompts
}
