import Formats
import Tensors

/// Judges a rounded layer on statistics of other prompts than those it was rounded for.
struct HeldOut {
  /// The other prompts' moments, neither centred nor damped for the error below.
  private let objective: SiteObjective

  init(_ site: SiteMoments) throws {
    var options = ObjectiveOptions()
    options.biasCorrection = false
    objective = try site.objective(options)
  }

  /// E |(V - W) x + b|^2 over E |W x|^2, with the bias correction b that came from the calibration prompts.
  func relativeError(of quantized: QuantizedMatrix, biasCorrection: [Float]?, for weight: Matrix)
    -> Double
  {
    let residual = quantized.dequantized()
    for i in 0..<residual.count { residual.pointer[i] -= weight.pointer[i] }
    var error = objective.outputError(of: residual)
    if let biasCorrection {
      // |r x + b|^2 = r G r' + 2 b r mu + b^2
      for (bias, shift) in zip(biasCorrection, objective.products(residual, objective.mean)) {
        error += Double(bias) * (2 * shift + Double(bias))
      }
    }
    let power = objective.outputPower(of: weight)
    return power > 0 ? max(0, error) / power : 0
  }
}
