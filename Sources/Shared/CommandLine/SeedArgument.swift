import ArgumentParser
import Platform

/// A seed on the command line: a whole number below 2^64, or -1 for one that is drawn, as in the
/// web UIs for Stable Diffusion.
package struct SeedArgument: ExpressibleByArgument, Equatable, Sendable, CustomStringConvertible {
  /// Nil: to be drawn.
  private let given: UInt64?

  package init(_ seed: UInt64) { given = seed }

  package init?(argument: String) {
    if argument == "-1" {
      given = nil
    } else if let seed = UInt64(argument) {
      given = seed
    } else {
      return nil
    }
  }

  package var description: String { given.map { "\($0)" } ?? "-1" }

  /// The seed; one that is drawn is below 2^32, as everywhere, and is said, so that the picture can
  /// be made again.
  package func seed() -> UInt64 {
    if let given { return given }
    let drawn = UInt64.random(in: 0..<(1 << 32))
    Console.say("seed \(drawn)")
    return drawn
  }
}
