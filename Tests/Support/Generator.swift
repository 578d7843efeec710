/// SplitMix64: the same numbers in every run.
package struct Generator {
  private var state: UInt64

  package init(_ seed: Int) { state = UInt64(truncatingIfNeeded: seed) }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  package mutating func below(_ bound: Int) -> Int { Int(next() >> 33) % bound }

  /// A value of -1 to 1.
  package mutating func signed() -> Float { Float(Int64(bitPattern: next()) >> 40) / 8_388_608 }

  /// `count` values of -range to range.
  package mutating func floats(_ count: Int, range: Float = 1) -> [Float] {
    (0..<count).map { _ in signed() * range }
  }
}
