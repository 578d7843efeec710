/// What a regular expression says, as a tree.
indirect enum PatternNode {
  case one(ScalarSet)
  case sequence([PatternNode])
  /// The first that fits.
  case choice([PatternNode])
  /// As often as possible.
  case repeated(PatternNode, atLeast: Int, atMost: Int?)
  case group(PatternNode, number: Int)
  /// `\b`.
  case border
  /// `^`.
  case start
  /// `$`, before a closing line break too.
  case end
  /// `(?!…)` of one character.
  case notBefore(ScalarSet)
}

/// Reads the part of Python's syntax that the patterns of this program use.
struct PatternParser {
  private let text: [Unicode.Scalar]
  private var at = 0
  private var groups = 0

  /// - Parameter pattern: a constant of this program.
  /// - Returns: what it says.
  static func parse(_ pattern: String) -> PatternNode {
    var parser = PatternParser(text: Array(pattern.unicodeScalars))
    let node = parser.choice()
    precondition(parser.at == parser.text.count, "the pattern \(pattern) is none")
    return node
  }

  private init(text: [Unicode.Scalar]) { self.text = text }

  private var next: Unicode.Scalar? { at < text.count ? text[at] : nil }

  private mutating func take(_ words: String) -> Bool {
    guard text[at...].starts(with: words.unicodeScalars) else { return false }
    at += words.unicodeScalars.count
    return true
  }

  private mutating func choice() -> PatternNode {
    var branches = [sequence()]
    while take("|") { branches.append(sequence()) }
    return branches.count == 1 ? branches[0] : .choice(branches)
  }

  private mutating func sequence() -> PatternNode {
    var parts: [PatternNode] = []
    while let scalar = next, scalar != "|", scalar != ")" { parts.append(quantified(atom())) }
    return parts.count == 1 ? parts[0] : .sequence(parts)
  }

  private mutating func quantified(_ node: PatternNode) -> PatternNode {
    if take("*") { return .repeated(node, atLeast: 0, atMost: nil) }
    if take("+") { return .repeated(node, atLeast: 1, atMost: nil) }
    if take("?") { return .repeated(node, atLeast: 0, atMost: 1) }
    guard take("{") else { return node }
    let least = number()
    let most = take(",") ? (next == "}" ? nil : number()) : least
    precondition(take("}"), "braces that are closed")
    return .repeated(node, atLeast: least, atMost: most)
  }

  private mutating func number() -> Int {
    var value = 0
    while let digit = next, ("0"..."9").contains(digit) {
      value = value * 10 + Int(digit.value - 48)
      at += 1
    }
    return value
  }

  private mutating func atom() -> PatternNode {
    if take("^") { return .start }
    if take("$") { return .end }
    if take(#"\b"#) { return .border }
    if take("(?:") { return closed { $0.choice() } }
    if take("(?!") {
      guard case .one(let set) = closed({ $0.choice() }) else {
        preconditionFailure("one character after (?!")
      }
      return .notBefore(set)
    }
    if take("(") {
      groups += 1
      let number = groups
      return .group(closed { $0.choice() }, number: number)
    }
    return .one(take("[") ? set() : single())
  }

  private mutating func closed(_ body: (inout PatternParser) -> PatternNode) -> PatternNode {
    let node = body(&self)
    precondition(take(")"), "parentheses that are closed")
    return node
  }

  /// What follows `[`.
  private mutating func set() -> ScalarSet {
    let isNegated = take("^")
    var ranges: [ClosedRange<UInt32>] = []
    var kinds: [(ScalarSet.Kind, Bool)] = []
    while !take("]") {
      if let kind = kind() {
        kinds.append(kind)
        continue
      }
      let first = scalar().value
      // A hyphen at the end is one.
      let isRange = next == "-" && at + 1 < text.count && text[at + 1] != "]"
      if isRange { at += 1 }
      ranges.append(first...(isRange ? scalar().value : first))
    }
    return ScalarSet(ranges: ranges, kinds: kinds, isNegated: isNegated)
  }

  private mutating func single() -> ScalarSet {
    if let kind = kind() { return ScalarSet(kinds: [kind]) }
    let value = scalar().value
    return ScalarSet(ranges: [value...value])
  }

  private mutating func kind() -> (ScalarSet.Kind, Bool)? {
    let kinds: [(String, ScalarSet.Kind, Bool)] = [
      (#"\w"#, .word, true), (#"\W"#, .word, false), (#"\d"#, .digit, true),
      (#"\D"#, .digit, false), (#"\s"#, .space, true), (#"\S"#, .space, false),
    ]
    for (name, kind, isMember) in kinds where take(name) { return (kind, isMember) }
    return nil
  }

  /// One character, perhaps by a backslash.
  private mutating func scalar() -> Unicode.Scalar {
    guard take("\\") else {
      at += 1
      return text[at - 1]
    }
    if take("u") { return hexadecimal(4) }
    if take("x") { return hexadecimal(2) }
    let named: [(String, Unicode.Scalar)] = [
      ("t", "\t"), ("n", "\n"), ("f", "\u{C}"), ("r", "\r"),
    ]
    for (name, scalar) in named where take(name) { return scalar }
    at += 1
    return text[at - 1]
  }

  private mutating func hexadecimal(_ count: Int) -> Unicode.Scalar {
    let digits = String(scalars: text[at..<(at + count)])
    at += count
    guard let scalar = UInt32(digits, radix: 16).flatMap(Unicode.Scalar.init) else {
      preconditionFailure("\(digits) is no character")
    }
    return scalar
  }
}
