import Formats
import Kernels
import Tensors

/// Judges a rounded layer on statistics of other prompts than those it was rounded for.
package struct HeldOut {
  /// The other prompts' moments, neither centred nor damped for the error below.
  private let objective: SiteObjective
  private let isSeen: Bool

  package init(_ site: SiteMoments, _ transform: InputTransform) throws {
    var options = ObjectiveOptions()
    options.biasCorrection = false
    isSeen = site.tokens > 0
    objective = try site.objective(options, transform)
  }

  /// E |(V - W') x' + b|^2 over E |W x|^2, with the bias correction b, beyond W c, that came from
  /// the calibration prompts; nil where the other prompts' statistics have no token.
  package func relativeError(of rounded: RoundedLayer, for problem: LayerProblem) -> Double? {
    guard isSeen else { return nil }
    let residual = difference(rounded.values(), problem.weight)
    var error = objective.outputError(of: residual)
    let shifts = objective.products(residual, objective.mean)
    for (row, correction) in rounded.biasCorrection.enumerated() {
      // |r x + b|^2 = r G r' + 2 b r mu + b^2
      let bias = Double(correction) - problem.constant[row]
      error += bias * (2 * shifts[row] + bias)
    }
    let power = objective.outputPower(of: problem.weight, constant: problem.constant)
    return power > 0 ? max(0, error) / power : 0
  }
}
