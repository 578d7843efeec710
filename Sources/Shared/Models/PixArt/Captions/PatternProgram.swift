/// A regular expression as steps, run with backtracking that never tries the same twice, so that
/// time is proportional to the text's length whatever stands in it.
///
/// Whether the rest of a pattern fits from a place does not depend on how that place was reached,
/// nor on where the match began: without back-references what failed once fails always.
struct PatternProgram: Sendable {
  private enum Step: Sendable {
    case one(ScalarSet)
    /// Go on at the first, and if that fails at the second; numbered from 0.
    case split(Int, Int, number: Int)
    case jump(Int)
    case groupStart, groupEnd
    case border, start, end
    case notBefore(ScalarSet)
  }

  struct Match {
    let range: Range<Int>
    /// The first group; nil: it took no part.
    let group: Range<Int>?
  }

  private var steps: [Step] = []
  private var splits = 0

  init(_ node: PatternNode) { compile(node) }

  private mutating func compile(_ node: PatternNode) {
    switch node {
    case .one(let set): steps.append(.one(set))
    case .sequence(let parts): parts.forEach { compile($0) }
    case .choice(let branches):
      var jumps: [Int] = []
      for branch in branches.dropLast() {
        let split = beginSplit()
        compile(branch)
        jumps.append(steps.count)
        steps.append(.jump(0))
        endSplit(split)
      }
      compile(branches[branches.count - 1])
      for jump in jumps { steps[jump] = .jump(steps.count) }
    case .repeated(let node, let least, let most):
      for _ in 0..<least { compile(node) }
      guard let most else {
        let split = beginSplit()
        compile(node)
        steps.append(.jump(split))
        endSplit(split)
        return
      }
      let optional = (0..<(most - least)).map { _ in
        let split = beginSplit()
        compile(node)
        return split
      }
      optional.forEach { endSplit($0) }
    case .group(let node, let number):
      if number == 1 { steps.append(.groupStart) }
      compile(node)
      if number == 1 { steps.append(.groupEnd) }
    case .border: steps.append(.border)
    case .start: steps.append(.start)
    case .end: steps.append(.end)
    case .notBefore(let set): steps.append(.notBefore(set))
    }
  }

  private mutating func beginSplit() -> Int {
    steps.append(.split(steps.count + 1, 0, number: splits))
    splits += 1
    return steps.count - 1
  }

  /// Lets `split` go on here where its first way fails.
  private mutating func endSplit(_ split: Int) {
    guard case .split(let first, _, let number) = steps[split] else { return }
    steps[split] = .split(first, steps.count, number: number)
  }

  /// The matches in `text` from left to right, none overlapping another.
  func matches(in text: [Unicode.Scalar]) -> [Match] {
    var search = Search(text: text, splits: splits)
    var found: [Match] = []
    var start = 0
    while start <= text.count {
      guard let match = search.match(steps, at: start) else {
        start += 1
        continue
      }
      found.append(match)
      start = max(match.range.upperBound, start + 1)
    }
    return found
  }

  /// A search of one text.
  private struct Search {
    let text: [Unicode.Scalar]
    let splits: Int
    /// Whether a split was met at a place, a bit each, [places][splits].
    private var met: [UInt64]
    /// Ways that were not yet tried.
    private var ways: [(step: Int, place: Int, group: (start: Int, end: Int))] = []

    init(text: [Unicode.Scalar], splits: Int) {
      (self.text, self.splits) = (text, splits)
      met = [UInt64](repeating: 0, count: (text.count + 1) * splits / 64 + 1)
    }

    mutating func match(_ steps: [Step], at start: Int) -> Match? {
      var (step, place, group) = (0, start, (start: -1, end: -1))
      ways.removeAll(keepingCapacity: true)
      while step < steps.count {
        var fits = true
        switch steps[step] {
        case .one(let set):
          fits = place < text.count && set.contains(text[place])
          place += 1
        case .split(let first, let second, let number):
          let bit = place * splits + number
          fits = met[bit / 64] >> UInt64(bit % 64) & 1 == 0
          met[bit / 64] |= 1 << UInt64(bit % 64)
          if fits { ways.append((second, place, group)) }
          step = first - 1
        case .jump(let target): step = target - 1
        case .groupStart: group.start = place
        case .groupEnd: group.end = place
        case .border: fits = isWord(place - 1) != isWord(place)
        case .start: fits = place == 0
        case .end:
          fits = place == text.count || place == text.count - 1 && text[place] == "\n"
        case .notBefore(let set): fits = place == text.count || !set.contains(text[place])
        }
        if fits {
          step += 1
        } else {
          guard let way = ways.popLast() else { return nil }
          (step, place, group) = (way.step, way.place, way.group)
        }
      }
      forget(place)
      return Match(
        range: start..<place, group: group.end >= 0 ? group.start..<group.end : nil)
    }

    /// Forgets what was met at the end of a match, which did not fail.
    private mutating func forget(_ place: Int) {
      for bit in (place * splits)..<((place + 1) * splits) {
        met[bit / 64] &= ~(1 << UInt64(bit % 64))
      }
    }

    private func isWord(_ place: Int) -> Bool {
      text.indices.contains(place) && ScalarSet.word.contains(text[place])
    }
  }
}
