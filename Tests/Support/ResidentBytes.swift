import Foundation

/// How many bytes of the mapped file, whose path ends with `path`, are in this process's memory.
package func residentBytes(ofFile path: String) throws -> Int {
  // What Foundation reads whole it takes for as long as the first piece of it.
  guard let file = FileHandle(forReadingAtPath: "/proc/self/smaps") else {
    throw CocoaError(.fileReadNoSuchFile)
  }
  let text = String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
  var (isInside, sum) = (false, 0)
  for line in text.split(separator: "\n") {
    let words = line.split(separator: " ", omittingEmptySubsequences: true)
    if words[0].contains("-") { isInside = line.hasSuffix(path) }
    if isInside, words[0] == "Rss:" { sum += (Int(words[1]) ?? 0) * 1024 }
  }
  return sum
}
