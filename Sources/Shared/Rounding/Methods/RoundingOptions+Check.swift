import Formats
import Platform

extension RoundingOptions {
  /// Refuses what no method can work with, and options that do not go together.
  ///
  /// - Throws: `Failure` naming the option.
  package func check() throws {
    for format in candidates { try layout.with(format).check() }
    let format = layout.format
    guard layout.sharedBit == nil || method == .nearest else {
      throw Failure("format \(format): expected --method nearest, found \(method.rawValue)")
    }
    guard scaleSearch != .fourOverSix || (format.name == "e2m1" && layout.scales == .e4m3) else {
      throw Failure(
        "format \(format): expected e2m1 with --scale-type e4m3 for --scale four-over-six, found "
          + "\(format) with \(layout.scales.rawValue)")
    }
    guard layout.grouping != .weight || [.nearest, .adaround].contains(method) else {
      throw Failure(
        "method \(method.rawValue): expected nearest or adaround for one scale of the whole weight")
    }
    guard adaRound.iterations >= 1 else {
      throw Failure("iterations: expected at least 1, found \(adaRound.iterations)")
    }
    guard adaRound.learningRate > 0, adaRound.learningRate.isFinite else {
      throw Failure("learning rate: expected more than 0, found \(adaRound.learningRate)")
    }
    guard adaRound.regulariser >= 0, adaRound.regulariser.isFinite else {
      throw Failure("regulariser: expected at least 0, found \(adaRound.regulariser)")
    }
    guard descent.rounds >= 0, descent.sweeps >= 0 else {
      throw Failure("descent: expected at least 0 rounds and sweeps")
    }
  }
}
