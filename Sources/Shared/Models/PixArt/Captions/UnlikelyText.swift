/// Whether a text has characters beside each other that are likely only where UTF-8 was read by a
/// code page, by the judgement of `ftfy` 6.3 on classes of characters (see the generated tables).
enum UnlikelyText {
  private typealias Class = UInt8

  private static let classes: [Unicode.Scalar: Class] = {
    var classes: [Unicode.Scalar: Class] = [:]
    for line in CaptionTables.classes.split(separator: "\n") {
      let words = line.split(separator: " ")
      for range in words.dropFirst() {
        let ends = range.split(separator: "-").compactMap { UInt32($0, radix: 16) }
        for code in ends[0]...ends[ends.count - 1] {
          classes[Unicode.Scalar(code)!] = words[0].utf8.first
        }
      }
    }
    return classes
  }()

  private static let rules: Set<[Class]> = {
    var rules: Set<[Class]> = []
    for entry in CaptionTables.unlikely.split(whereSeparator: \.isWhitespace) {
      let parts = entry.split(separator: "=")
      for start in parts[0].split(separator: ",") {
        for last in parts[1].utf8 { rules.insert(start.utf8 + [last]) }
      }
    }
    return rules
  }()

  static func isContained(in text: [Unicode.Scalar]) -> Bool {
    if text.allSatisfy(\.isASCII) { return false }
    if text.contains(where: { (0x80...0x9F).contains($0.value) }) { return true }
    // Characters that no code page has are as good as digits.
    let found = text.map { classes[$0] ?? (isSpace($0) ? classes["\t"] : classes["0"]) ?? 0 }
    return found.indices.contains { end in
      [1, 2].contains { $0 <= end && rules.contains(Array(found[(end - $0)...end])) }
    }
  }
}
