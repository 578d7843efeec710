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
  /// [outputs], to be added to the bias: W c, and with bias correction (W' - V), the branch
  /// counted, times the mean of x'.
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
/// Errors are tr((V - W) C (V - W)') / tr(W G W') with V the codes and the branch, C centred when
/// the bias is corrected, not damped.
package struct RoundingReport: Sendable {
  package let method: RoundingMethod
  /// Of nearest rounding with absmax scales.
  package let errorBefore: Double
  package let errorAfter: Double
  /// Share of weights whose code stands for 0.
  package let sparsity: Double
  /// Codes that are not the nearest, for their group's scale, to what the branch leaves.
  package let changedCodes: Int
  /// The damped objective after each stage of a descent (nearest, gptq, each round, the best rows);
  /// else the final one.
  package let losses: [Double]
  /// Whether the factorization was done in f32; nil when there was none.
  package let isSinglePrecision: Bool?
  package let seconds: Double
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
/// - Throws: `Failure` when a weight is not finite, the weight does not fit the statistics or the
///   rank, or an option is out of range.
package func round(
  _ problem: LayerProblem, options: RoundingOptions, trace: RoundingTrace.Listener? = nil
) throws -> RoundedLayer {
  let start = Date()
  return try problem.rounded(
    to: problem.choose(options, trace: trace), options: options, start: start)
}

extension LayerProblem {
  /// What rounding to `choice` gives and costs.
  ///
  /// - Parameters:
  ///   - choice: of a method.
  ///   - shift: [outputs], added to the bias beyond what the centre and the correction of the bias
  ///     add.
  ///   - options: the format, the method's name.
  ///   - start: when the work on the layer began.
  /// - Returns: the layer as it is stored.
  /// - Throws: `Failure` when a weight is not finite.
  package func rounded(
    to choice: LevelChoice, shift: [Float]? = nil, options: RoundingOptions, start: Date
  ) throws -> RoundedLayer {
    let levels = choice.levels
    let baseline = nearest(try scales(.absmax, for: .nearest, options), options)
    let coded = without(choice.branch)
    let residual = levels.residual(from: coded.weight)
    let damped = (choice.rowLosses ?? objective.losses(of: residual)).reduce(0, +)
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
      errorAfter: relative(error), sparsity: levels.sparsity,
      changedCodes: levels.differences(from: coded.nearest(levels.scales, options)),
      losses: choice.losses.isEmpty ? [damped] : choice.losses,
      isSinglePrecision: choice.isSinglePrecision, seconds: Date().timeIntervalSince(start))
    return RoundedLayer(
      quantized: QuantizedMatrix(codes: levels.codes(), scales: levels.scales),
      branch: choice.branch,
      biasCorrection: constant.indices.map { row in
        let correction = constant[row] - (corrects ? lost[row] : 0)
        return Float(correction + Double(shift?[row] ?? 0))
      }, report: report)
  }
}
