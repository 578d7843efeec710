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
  /// V.
  package let quantized: QuantizedMatrix
  /// What runs in 16 bits beside V.
  package let branch: LowRankBranch?
  /// [outputs], to be added to the bias: W c, and with bias correction (W' - V), the branch counted, times the mean of x'.
  package let biasCorrection: [Float]
  package let report: RoundingReport

  /// V and the branch together in f32, [outputs][inputs]: what stands for W'.
  package func values() -> Matrix {
    let values = quantized.dequantized()
    if let low = branch?.weight() {
      for i in 0..<values.count { values.pointer[i] += low.pointer[i] }
    }
    return values
  }
}

/// What rounding cost a layer, on the statistics it was rounded for.
///
/// Errors are tr((V - W) C (V - W)') / tr(W G W') with V the codes and the branch, C centred when the bias is corrected, not damped.
package struct RoundingReport: Sendable {
  package let method: RoundingMethod
  /// Of nearest rounding with absmax scales.
  package let errorBefore: Double
  package let errorAfter: Double
  /// Share of weights whose code stands for 0.
  package let sparsity: Double
  /// Codes that are not the nearest, for their group's scale, to what the branch leaves.
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
/// - Throws: `Failure` when a weight is not finite, the weight does not fit the statistics or the rank, or an option is out of range.
package func round(_ problem: LayerProblem, options: RoundingOptions) throws -> RoundedLayer {
  let start = Date()
  let (weight, objective) = (problem.weight, problem.objective)
  try options.check()
  guard weight.columns == objective.inputs else {
    throw Failure(
      problem.place,
      "expected \(objective.inputs) inputs as \(objective.site) has, found \(weight.columns)")
  }
  let highest = min(weight.rows, weight.columns)
  guard options.rank <= highest else {
    throw Failure(
      problem.place, "expected a rank of at most \(highest) for --rank, found \(options.rank)")
  }
  let baseline = Levels.nearest(
    weight,
    scales: try chooseScales(
      of: weight, options: options, search: .absmax, method: .nearest, objective: objective,
      place: problem.place))
  let choice = try LevelChoice.alternating(problem, options)
  let (levels, residual, branch) = (choice.levels, choice.residual, choice.branch)
  let power = objective.outputPower(of: weight, constant: problem.constant)
  func relative(_ error: Double) -> Double { power > 0 ? error / power : 0 }
  let report = RoundingReport(
    method: options.method,
    errorBefore: relative(objective.outputError(of: baseline.residual(from: weight))),
    errorAfter: relative(objective.outputError(of: residual, damped: choice.loss)),
    sparsity: levels.sparsity, changedCodes: choice.changedCodes, losses: choice.losses,
    isSinglePrecision: choice.isSinglePrecision, seconds: Date().timeIntervalSince(start))
  let shift =
    objective.options.biasCorrection
    ? objective.products(residual, objective.mean) : Array(repeating: 0, count: weight.rows)
  return RoundedLayer(
    quantized: QuantizedMatrix(codes: levels.codes(), scales: levels.scales), branch: branch,
    biasCorrection: zip(problem.constant, shift).map { Float($0 - $1) }, report: report)
}

extension RoundingOptions {
  /// Refuses what no method can work with.
  func check() throws {
    guard GroupScales.groupSizes.contains(groupSize) else {
      throw Failure(
        "group size: expected 1 to \(GroupScales.groupSizes.upperBound), found \(groupSize)")
    }
    guard format.bits >= 4, format.levels().levels.count <= 64, format.isSigned else {
      throw Failure("format \(format): expected a signed format of 4 to 6 bits for weights")
    }
    guard !(isSplit && (format.isAsymmetric || format.hasSignedScales)) else {
      throw Failure("format \(format): expected a symmetric format for two scales a group")
    }
    if !tensorFormats.isEmpty { try checkTensorScales() }
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
    for format in tensorFormats where format.isAsymmetric || format.hasSignedScales {
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
