import Formats
import Platform

extension RoundingOptions {
  /// Refuses what no method can work with, and options that do not go together.
  ///
  /// - Throws: `Failure` naming the option.
  package func check() throws {
    guard GroupScales.groupSizes.contains(groupSize) else {
      throw Failure(
        "group size: expected 1 to \(GroupScales.groupSizes.upperBound), found \(groupSize)")
    }
    guard format.bits >= 4, format.levels().levels.count <= 64, format.isSigned else {
      throw Failure("format \(format): expected a signed format of 4 to 6 bits for weights")
    }
    guard !(isSplit && (format.isAsymmetric || format.hasSignedScales || format.sharedBit != nil))
    else {
      throw Failure(
        "format \(format): expected a symmetric 4-bit format for two scales a group (--asymmetric)"
      )
    }
    guard format.sharedBit == nil || method == .nearest else {
      throw Failure("format \(format): expected --method nearest, found \(method.rawValue)")
    }
    guard scaleSearch != .fourOverSix || (format.name == "e2m1" && scaleType == .e4m3) else {
      throw Failure(
        "format \(format): expected e2m1 with --scale-type e4m3 for --scale four-over-six, found "
          + "\(format) with \(scaleType.rawValue)")
    }
    if isPerTensor { try checkTensorScales() }
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

  /// Refuses what would not leave one scale to a weight.
  private func checkTensorScales() throws {
    for format in candidates
    where format.isAsymmetric || format.hasSignedScales || format.sharedBit != nil {
      throw Failure("format \(format): expected a symmetric format for one scale a weight")
    }
    guard [.nearest, .adaround].contains(method) else {
      throw Failure(
        "method \(method.rawValue): expected nearest or adaround for one scale a weight")
    }
    guard !isSplit, scaleType == .f16 else {
      throw Failure("scales: expected one of F16 for one scale a weight")
    }
  }
}
