/// The text of `markup`, which is in lower case, as `BeautifulSoup(markup, "html.parser").text` has
/// it.
///
/// Tags, comments, declarations, scripts, styles, templates and ruby annotations are left out, and
/// character references become characters where something follows them.
///
/// Follows Python 3.11; later ones read unclosed comments and scripts otherwise. *Limitation:* what
/// makes Beautiful Soup give up (`<![` without one of the known names) is left as it is.
func htmlText(_ markup: String) -> String {
  var reader = HTMLReader(markup)
  return reader.read() ? String(scalars: reader.text.finished) : markup
}

/// Python's `html.parser`, which reads twice: as far as tags are whole, then what is left.
private struct HTMLReader {
  typealias Scalars = [Unicode.Scalar]

  private let source: Scalars
  /// Where the last `>` stands, and the last character that ends a start tag; -1: nowhere.
  ///
  /// Nothing is looked for where it cannot be: with a look to the end for every `<`, time would
  /// grow with the square of their number.
  private let lastClose, lastTagEnd: Int
  /// From where on there is none of an end that was looked for in vain.
  private var lacking: [Scalars: Int] = [:]
  private var at = 0
  /// The element whose content is no markup, up to its end tag.
  private var rawElement: Scalars?
  var text = HTMLTextBuilder()

  init(_ markup: String) {
    source = Array(markup.unicodeScalars)
    lastClose = source.lastIndex(of: ">") ?? -1
    lastTagEnd = source.lastIndex { $0 == ">" || $0 == "\0" } ?? -1
  }

  /// False for markup that is given up.
  mutating func read() -> Bool {
    read(toEnd: false) && read(toEnd: true)
  }

  private mutating func read(toEnd: Bool) -> Bool {
    reading: while at < source.count {
      guard let next = nextMarkup() else {
        // The content of an element without an end tag is lost.
        if rawElement != nil { return true }
        add(upTo: source.count)
        break
      }
      add(upTo: next)
      if source[at] == "<" {
        switch markupEnd() {
        case .at(let end): at = end
        case .givenUp: return false
        case .notWhole:
          guard toEnd else { break reading }
          let close = first(">", from: at + 1).map { $0 + 1 }
          add(upTo: close ?? first("<", from: at + 1) ?? at + 1)
        case .noMarkup:
          guard at + 1 < source.count else { break reading }
          add(upTo: at + 1)
        }
      } else if !readReference(toEnd: toEnd) {
        break
      }
    }
    if toEnd {
      if rawElement == nil { add(upTo: source.count) }
      text.endRun()
    }
    return true
  }

  private mutating func add(upTo end: Int) {
    if at < end { text.add(source[at..<end]) }
    at = end
  }

  /// Where the next `<` or `&` is, or in raw content the end tag.
  private func nextMarkup() -> Int? {
    guard let rawElement else {
      return source[at...].firstIndex { $0 == "<" || $0 == "&" }
    }
    return source[at...].indices.first { start in
      guard starts("</", at: start) else { return false }
      let name = skip(start + 2, while: isSpace)
      guard starts(rawElement, at: name) else { return false }
      return starts(">", at: skip(name + rawElement.count, while: isSpace))
    }
  }

  // MARK: Character references

  /// Reads the reference at `at`; false where reading stops, for good or until the end is known.
  private mutating func readReference(toEnd: Bool) -> Bool {
    if starts("&#", at: at) {
      let isHexadecimal = starts("x", at: at + 2)
      let first = at + (isHexadecimal ? 3 : 2)
      let digits = skip(first) {
        isHexadecimal ? $0.isHexadecimalDigit : $0.isDigit
      }
      // One more character ends it; decimal digits must not go on as hexadecimal ones.
      let end = digits
      guard end > first, end < source.count, !source[end].isHexadecimalDigit else {
        if source[at...].contains(";") { add(upTo: at + 2) }
        return false
      }
      text.add(
        CharacterReferences.character(of: source[first..<end], radix: isHexadecimal ? 16 : 10))
      at = starts(";", at: end) ? end + 1 : end
      return true
    }
    guard at + 1 < source.count, source[at + 1].isASCIILetter else {
      guard at + 1 < source.count else { return false }
      add(upTo: at + 1)
      return true
    }
    // A name ends before the last character that is no letter or digit.
    var end = skip(at + 1) { $0.isASCIILetter || $0.isDigit || $0 == "-" || $0 == "." }
    if end == source.count {
      while end > at, source[end - 1].isASCIILetter || source[end - 1].isDigit {
        end -= 1
      }
      end -= 1
    }
    guard end > at + 1 else {
      if toEnd, source.count == at + 2 { at += 1 }
      return false
    }
    let name = source[(at + 1)..<end]
    let known = CharacterReferences.named(String(scalars: name))
    text.add(known.map { Array($0.unicodeScalars) } ?? ["&"] + name)
    at = starts(";", at: end) ? end + 1 : end
    return true
  }

  // MARK: Tags

  private enum End {
    case at(Int)
    case notWhole
    /// `<` alone.
    case noMarkup
    case givenUp
  }

  private mutating func markupEnd() -> End {
    if starts(at: at + 1, { $0.isASCIILetter }) { return startTag() }
    if starts("</", at: at) { return endTag() }
    if starts("<!--", at: at) {
      guard let end = closing(["-", "-", ">"], from: at + 4) else { return .notWhole }
      return leaveOut(end.end)
    }
    if starts("<?", at: at) { return leaveOut(first(">", from: at + 2).map { $0 + 1 }) }
    if starts("<![", at: at) { return markedSection() }
    if starts("<!", at: at) {
      let isDoctype = starts("<!doctype", at: at)
      return leaveOut(first(">", from: at + (isDoctype ? 9 : 2)).map { $0 + 1 })
    }
    return .noMarkup
  }

  /// A comment or declaration, which parts the text.
  private mutating func leaveOut(_ end: Int?) -> End {
    guard let end else { return .notWhole }
    text.endRun()
    return .at(end)
  }

  /// `<![cdata[` and its like, whose text stays for CDATA.
  private mutating func markedSection() -> End {
    let start = at + 3
    guard start < source.count else { return .notWhole }
    guard source[start].isASCIILetter else { return .givenUp }
    let nameEnd = skip(start) {
      $0.isASCIILetter || $0.isDigit || $0 == "-" || $0 == "_" || $0 == "."
    }
    guard skip(nameEnd, while: isSpace) < source.count else { return .notWhole }
    let close: Scalars
    switch String(scalars: source[start..<nameEnd]) {
    case "temp", "cdata", "ignore", "include", "rcdata": close = ["]", "]", ">"]
    case "if", "else", "endif": close = ["]", ">"]
    default: return .givenUp
    }
    guard let end = closing(close, from: start) else { return .notWhole }
    text.endRun()
    let opening = "cdata["
    if String(scalars: source[start..<end.start].prefix(opening.count)) == opening {
      text.addSection(source[(start + opening.count)..<end.start])
    }
    return .at(end.end)
  }

  private mutating func startTag() -> End {
    guard at < lastTagEnd else { return .notWhole }
    let nameEnd = tagNameEnd(from: at + 1)
    let name = String(scalars: source[(at + 1)..<nameEnd])
    if starts("\0", at: nameEnd) {
      text.add(source[at..<nameEnd])
      return .at(nameEnd)
    }
    let end = attributesEnd(from: nameEnd)
    let isClosed = starts("/>", at: end)
    guard isClosed || starts(">", at: end) else { return .notWhole }
    text.open(name, isClosed: isClosed)
    if !isClosed, name == "script" || name == "style" { rawElement = Array(name.unicodeScalars) }
    return .at(end + (isClosed ? 2 : 1))
  }

  /// Where the attributes of a tag end: before `>` or `/>` if the tag is whole.
  private func attributesEnd(from start: Int) -> Int {
    var place = skipBlank(start)
    while place < source.count, source[place] != ">", source[place] != "/" {
      let before = source[place - 1]
      guard place > start, isSpace(before) || "'\"/".unicodeScalars.contains(before) else { break }
      place = skip(place + 1) { !isSpace($0) && !"/=>".unicodeScalars.contains($0) }
      place = skipBlank(valueEnd(from: place) ?? place)
    }
    return place
  }

  /// White space and slashes, but for the one of `/>`.
  private func skipBlank(_ start: Int) -> Int {
    var place = start
    while place < source.count,
      isSpace(source[place]) || source[place] == "/" && !starts("/>", at: place)
    {
      place += 1
    }
    return place
  }

  /// The end of `= value` after the name of an attribute; nil if there is none.
  private func valueEnd(from start: Int) -> Int? {
    let sign = skip(start, while: isSpace)
    let signEnd = skip(sign) { $0 == "=" }
    guard signEnd > sign else { return nil }
    let value = skip(signEnd, while: isSpace)
    guard value < source.count, source[value] == "\"" || source[value] == "'" else {
      return skip(value) { $0 != ">" && !isSpace($0) }
    }
    if let close = first(source[value], from: value + 1) { return close + 1 }
    // A quote that is not closed is no value: it is part of the next name, or of a value that
    // begins with an equals sign.
    if value > signEnd { return value }
    return signEnd - sign > 1 ? skip(signEnd - 1) { $0 != ">" && !isSpace($0) } : nil
  }

  private mutating func endTag() -> End {
    guard let close = first(">", from: at + 1) else { return .notWhole }
    if let plain = plainEndTag() {
      text.close(plain.name)
      rawElement = nil
      return .at(plain.end)
    }
    guard starts(at: at + 2, { $0.isASCIILetter }) else {
      return starts("</>", at: at) ? .at(at + 3) : leaveOut(close + 1)
    }
    text.close(String(scalars: source[(at + 2)..<tagNameEnd(from: at + 2)]))
    return .at(close + 1)
  }

  /// `</name>`, with white space before and after the name.
  private func plainEndTag() -> (name: String, end: Int)? {
    let start = skip(at + 2, while: isSpace)
    guard starts(at: start, { $0.isASCIILetter }) else { return nil }
    let nameEnd = skip(start) {
      $0.isASCIILetter || $0.isDigit || "-.:_".unicodeScalars.contains($0)
    }
    let end = skip(nameEnd, while: isSpace)
    guard starts(">", at: end) else { return nil }
    return (String(scalars: source[start..<nameEnd]), end + 1)
  }

  // MARK: Scalars

  private func starts(_ text: String, at place: Int) -> Bool {
    starts(Array(text.unicodeScalars), at: place)
  }

  private func starts(_ scalars: Scalars, at place: Int) -> Bool {
    place <= source.count && source[place...].starts(with: scalars)
  }

  private func starts(at place: Int, _ accepts: (Unicode.Scalar) -> Bool) -> Bool {
    place < source.count && accepts(source[place])
  }

  private func tagNameEnd(from start: Int) -> Int {
    skip(start) { !"\t\n\r\u{C} />\0".unicodeScalars.contains($0) }
  }

  private func skip(_ start: Int, while accepts: (Unicode.Scalar) -> Bool) -> Int {
    source[start...].firstIndex { !accepts($0) } ?? source.count
  }

  private func first(_ scalar: Unicode.Scalar, from start: Int) -> Int? {
    guard start <= (scalar == ">" ? lastClose : source.count) else { return nil }
    return source[start...].firstIndex(of: scalar)
  }

  /// The first `close`, white space before its last or each of its brackets allowed.
  private mutating func closing(_ close: Scalars, from start: Int) -> (start: Int, end: Int)? {
    guard start <= source.count, start < lacking[close] ?? .max else { return nil }
    for begin in source[start...].indices where source[begin] == close[0] {
      var place = begin
      let fits = close.enumerated().allSatisfy { index, scalar in
        if index > 0, scalar != "-" { place = skip(place, while: isSpace) }
        guard place < source.count, source[place] == scalar else { return false }
        place += 1
        return true
      }
      if fits { return (begin, place) }
    }
    lacking[close] = start
    return nil
  }
}

extension Unicode.Scalar {
  fileprivate var isASCIILetter: Bool {
    ("a"..."z").contains(self) || ("A"..."Z").contains(self)
  }

  fileprivate var isDigit: Bool { ("0"..."9").contains(self) }

  fileprivate var isHexadecimalDigit: Bool {
    isDigit || ("a"..."f").contains(self) || ("A"..."F").contains(self)
  }
}
