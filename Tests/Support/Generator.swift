import Foundation
import Platform

/// Random numbers of tests: the same in every run.
package struct Generator {
  private var words: SplitMix64

  package init(_ seed: Int) { words = SplitMix64(state: UInt64(truncatingIfNeeded: seed)) }

  package mutating func next() -> UInt64 { words.next() }

  package mutating func below(_ bound: Int) -> Int { Int(next() >> 33) % bound }

  /// A value of -1 to 1.
  package mutating func signed() -> Float { Float(Int64(bitPattern: next()) >> 40) / 8_388_608 }

  /// `count` values of -range to range.
  package mutating func floats(_ count: Int, range: Float = 1) -> [Float] {
    (0..<count).map { _ in signed() * range }
  }

  /// A standard normal number, by Box and Muller.
  package mutating func normal() -> Double {
    (-2 * log(uniform())).squareRoot() * cos(2 * Double.pi * uniform())
  }

  /// Between 0 and 1, neither of them.
  private mutating func uniform() -> Double {
    (Double(next() >> 11) + 0.5) / 9_007_199_254_740_992
  }
}
