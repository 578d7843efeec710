import Formats
import Foundation
import Platform
import Tensors

/// One linear layer to be rounded, in the channels of its prepared input.
package struct LayerProblem {
  /// Names the weight in a failure: `file: tensor`.
  package let place: String
  /// W' [outputs][inputs].
  package let weight: Matrix
  /// W c [outputs], what the centre of the input adds to the output.
  package let constant: [Double]
  /// Of the layer's site, shared by the layers that read it.
  package let objective: SiteObjective

  package init(
    place: String, weight: Matrix, constant: [Double]? = nil, objective: SiteObjective
  ) {
    self.place = place
    self.weight = weight
    self.constant = constant ?? Array(repeating: 0, count: weight.rows)
    self.objective = objective
  }
}

/// A layer's codes, what to add to its bias, and what that costs.
package struct RoundedLayer: Sendable {
  package let quantized: QuantizedMatrix
  /// [outputs], to be added to the bias: W c, and (W' - V) times the mean of x' with bias correction.
  package let biasCorrection: [Float]
  package let report: RoundingReport
}

/// What rounding cost a layer, on the statistics it was rounded for.
///
/// Errors are tr((V - W) C (V - W)') / tr(W G W') with C centred when the bias is corrected, not damped.
package struct RoundingReport: Sendable {
  package let method: RoundingMethod
  /// Of nearest rounding with absmax scales.
  package let errorBefore: Double
  package let errorAfter: Double
  /// Codes that are not the nearest for their group's scale.
  package let changedCodes: Int
  /// The damped objective after each stage of a descent (nearest, gptq, each round, the best rows); else the final one.
  package let losses: [Double]
  /// Whether the factorization was done in f32; nil when there was none.
  package let isSinglePrecision: Bool?
  package let seconds: Double

  /// Signal to quantization noise of the output in dB; infinite without noise.
  package var sqnrBefore: Double { -10 * log10(errorBefore) }
  package var sqnrAfter: Double { -10 * log10(errorAfter) }
}

/// Chooses codes and scales for `problem`.
///
/// The same problem and options give the same bytes for any number of threads.
///
/// - Parameters:
///   - problem: the layer.
///   - options: how.
///   - trace: hears how the losses of AdaRound fall.
/// - Returns: codes, scales, the correction of the bias, and what they cost.
/// - Throws: `Failure` when a weight is not finite, the weight does not fit the statistics, or an option is out of range.
package func round(
  _ problem: LayerProblem, options: RoundingOptions, trace: RoundingTrace.Listener? = nil
) throws -> RoundedLayer {
  let start = Date()
  let chosen = try problem.choose(options, trace: trace)
  return try problem.rounded(
    to: chosen.levels, options: options, losses: chosen.losses,
    isSinglePrecision: chosen.isSinglePrecision, start: start)
}

extension LayerProblem {
  /// Refuses what no method can work with.
  func check(_ options: RoundingOptions) throws {
    try options.check()
    guard weight.columns == objective.inputs else {
      throw Failure(
        place,
        "expected \(objective.inputs) inputs as \(objective.site) has, found \(weight.columns)")
    }
  }

  func scales(
    _ search: ScaleSearch, for method: RoundingMethod, _ options: RoundingOptions
  ) throws -> GroupScales {
    try chooseScales(
      of: weight, options: options, search: search, method: method, objective: objective,
      place: place)
  }

  func nearest(_ scales: GroupScales, _ options: RoundingOptions) -> Levels {
    Levels.nearest(weight, scales: scales, mode: options.sharedBit)
  }

  /// Chooses levels by the method of `options`.
  ///
  /// - Parameters:
  ///   - options: how.
  ///   - trace: hears how the losses of AdaRound fall.
  /// - Returns: the levels, what `RoundingReport` says of the losses (empty: only the final one), and of the factorization's precision.
  func choose(
    _ options: RoundingOptions, trace: RoundingTrace.Listener? = nil
  ) throws -> (levels: Levels, losses: [Double], isSinglePrecision: Bool?) {
    try check(options)
    let chosen = try scales(options.scaleSearch, for: options.method, options)
    switch options.method {
    case .nearest: return (nearest(chosen, options), [], nil)
    case .gptq:
      let factor = objective.feedbackFactor()
      let levels = errorFeedback(weight, scales: chosen, factor: factor)
      return (levels, [], factor.isSinglePrecision)
    case .adaround:
      let method = AdaRound(
        weight: weight, objective: objective, options: options.adaRound, trace: trace)
      return (method.run(scales: chosen), [], nil)
    case .descent:
      let factor = objective.feedbackFactor()
      let start = nearest(try scales(options.scaleSearch, for: .nearest, options), options)
      let (levels, losses) = Descent(
        weight: weight, objective: objective, options: options.descent
      ).run(from: [start, errorFeedback(weight, scales: chosen, factor: factor)])
      return (levels, losses, factor.isSinglePrecision)
    }
  }

  /// What rounding to `levels` gives and costs.
  ///
  /// - Parameters:
  ///   - levels: chosen by a method.
  ///   - shift: [outputs], added to the bias beyond what the centre and the correction of the bias add.
  ///   - options: the format, the method's name.
  ///   - losses: of the method's stages; empty: only the final one.
  ///   - isSinglePrecision: of the factorization, if there was one.
  ///   - start: when the work on the layer began.
  func rounded(
    to levels: Levels, shift: [Float]? = nil, options: RoundingOptions, losses: [Double] = [],
    isSinglePrecision: Bool? = nil, start: Date
  ) throws -> RoundedLayer {
    let baseline = nearest(try scales(.absmax, for: .nearest, options), options)
    let residual = levels.residual(from: weight)
    let damped = objective.losses(of: residual).reduce(0, +)
    let power = objective.outputPower(of: weight, constant: constant)
    func relative(_ error: Double) -> Double { power > 0 ? error / power : 0 }
    let lost = objective.products(residual, objective.mean)
    let corrects = objective.options.biasCorrection
    var error = objective.outputError(of: residual, damped: damped)
    for (row, shift) in (shift ?? []).enumerated() {
      // The mean of (e'x + d)^2 is e'Me + 2 d e'mu + d^2; the correction leaves no e'mu.
      let d = Double(shift)
      error += d * (d + (corrects ? 0 : 2 * lost[row]))
    }
    let report = RoundingReport(
      method: options.method,
      errorBefore: relative(objective.outputError(of: baseline.residual(from: weight))),
      errorAfter: relative(error),
      changedCodes: levels.differences(from: nearest(levels.scales, options)),
      losses: losses.isEmpty ? [damped] : losses, isSinglePrecision: isSinglePrecision,
      seconds: Date().timeIntervalSince(start))
    return RoundedLayer(
      quantized: QuantizedMatrix(codes: levels.codes(), scales: levels.scales),
      biasCorrection: constant.indices.map { row in
        let correction = constant[row] - (corrects ? lost[row] : 0)
        return Float(correction + Double(shift?[row] ?? 0))
      }, report: report)
  }
}

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
