/// Steele, Lea and Flood's generator: a few lines that give the same numbers everywhere.
package struct SplitMix64: Sendable {
  private var state: UInt64

  package init(state: UInt64) { self.state = state }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// `count` of `candidates`, or all of them when there are fewer, in random order (Fisher and
  /// Yates).
  package mutating func choose<T>(_ count: Int, of candidates: [T]) -> [T] {
    var candidates = candidates
    let count = min(count, candidates.count)
    for index in 0..<count {
      let other = index + Int(next() % UInt64(candidates.count - index))
      candidates.swapAt(index, other)
    }
    return Array(candidates[..<count])
  }
}
