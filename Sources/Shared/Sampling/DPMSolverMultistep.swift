import Foundation
import Platform
import Tensors

/// DPM-Solver++ (arXiv 2211.01095), multistep, order 1 to 3 (diffusers
/// `DPMSolverMultistepScheduler`).
///
/// *Limitations:* `algorithm_type` dpmsolver++ only; no Lu, exponential, beta or flow sigmas, no
/// learned variance, no clipped lambda.
package final class DPMSolverMultistep: Scheduler {
  package var timesteps: [Float] { levels.timesteps }
  package let initNoiseSigma: Float = 1
  /// [steps + 1] noise levels, the last one what remains in the finished image.
  package var sigmas: [Float] { levels.sigmas }
  private let levels: SolverLevels
  private let order: Int
  /// The second order takes the exponential's own slope between two steps (`heun`), else half.
  private let isHeun: Bool
  private let prediction: Prediction
  private let limit: SampleLimit
  private let lowersFinal: Bool
  private let lowersLast: Bool
  /// The latest clean samples, newest first.
  private var originals: [Matrix] = []

  init(_ config: ModelConfig, schedule: NoiseSchedule, steps: Int) throws {
    _ = try config.choice("algorithm_type", of: ["dpmsolver++"], default: "dpmsolver++")
    order = try SolverLevels.order(config)
    // The types of other solvers, which a file may come with, stand for midpoint.
    let types = ["midpoint", "heun", "logrho", "bh1", "bh2"]
    isHeun = try config.choice("solver_type", of: types, default: "midpoint") == "heun"
    prediction = try Prediction(config, of: [.epsilon, .velocity, .sample])
    limit = try SampleLimit(config, clipsByDefault: nil)
    for key in [
      "use_lu_lambdas", "use_exponential_sigmas", "use_beta_sigmas", "use_flow_sigmas",
      "use_dynamic_shifting",
    ] { try config.refuse(key) }
    // A fixed one is never used: this sampler adds no noise. A learned one would be in the output.
    _ = try config.choice(
      "variance_type", of: ["fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log"],
      default: "fixed_small")
    if let clip = try config.double("lambda_min_clipped"), clip != -.infinity {
      let found = config.found("lambda_min_clipped")
      throw Failure(config.path, "lambda_min_clipped: expected -Infinity, found \(found)")
    }
    let final = try config.choice("final_sigmas_type", of: FinalSigma.allCases, default: .zero)
    lowersFinal = try config.bool("lower_order_final") ?? true
    lowersLast = try final == .zero || config.bool("euler_at_final") ?? false
    levels = try SolverLevels(config, schedule: schedule, steps: steps, final: final)
    if order > 1 { try levels.requireFalling(first: steps + 1) }
  }

  package func original(_ modelOutput: Matrix, index: Int, latents: Matrix) -> Matrix {
    let (alpha, sigma) = levels.parts(index)
    return limit(prediction.original(modelOutput, latents: latents, alpha: alpha, sigma: sigma))
  }

  package func step(
    _ modelOutput: Matrix, index: Int, latents: Matrix, generators: [TorchGenerator]
  ) -> Matrix {
    if index == 0 { originals = [] }
    originals.insert(original(modelOutput, index: index, latents: latents), at: 0)
    if originals.count > order { originals.removeLast() }
    switch orderUsed(index) {
    case 1: return first(index, latents)
    case 2: return second(index, latents)
    default: return third(index, latents)
    }
  }

  /// The order at step `index`: lower while there is no history, and near the end of short runs.
  private func orderUsed(_ index: Int) -> Int {
    let left = timesteps.count - 1 - index
    let isShort = lowersFinal && timesteps.count < 15
    if left == 0 && (lowersLast || isShort) { return 1 }
    return min(order, originals.count, left == 1 && isShort ? 2 : 3)
  }

  /// What every order begins with: h, the share of the latents that stays, and alpha' (e^-h - 1).
  private func coefficients(_ index: Int) -> (h: Float, keep: Float, alpha: Float, change: Float) {
    let (now, next) = (levels.parts(index), levels.parts(index + 1))
    let h = levels.lambda(index + 1) - levels.lambda(index)
    return (h, next.sigma / now.sigma, next.alpha, expf(-h) - 1)
  }

  private func first(_ index: Int, _ latents: Matrix) -> Matrix {
    let (_, keep, alpha, change) = coefficients(index)
    let slope = alpha * change
    return combine(latents, originals[0]) { keep * $0 - slope * $1 }
  }

  private func second(_ index: Int, _ latents: Matrix) -> Matrix {
    let (h, keep, alpha, change) = coefficients(index)
    let inverse = 1 / ((levels.lambda(index) - levels.lambda(index - 1)) / h)
    let slope = alpha * change
    let curve = isHeun ? alpha * (change / h + 1) : -0.5 * slope
    let bend = combine(originals[0], originals[1]) { inverse * ($0 - $1) }
    let straight = combine(latents, originals[0]) { keep * $0 - slope * $1 }
    return combine(straight, bend) { $0 + curve * $1 }
  }

  private func third(_ index: Int, _ latents: Matrix) -> Matrix {
    let (h, keep, alpha, change) = coefficients(index)
    let r0 = (levels.lambda(index) - levels.lambda(index - 1)) / h
    let r1 = (levels.lambda(index - 1) - levels.lambda(index - 2)) / h
    let newer = combine(originals[0], originals[1]) { (1 / r0) * ($0 - $1) }
    let older = combine(originals[1], originals[2]) { (1 / r1) * ($0 - $1) }
    let bend = combine(newer, older) { $0 + (r0 / (r0 + r1)) * ($0 - $1) }
    let twist = combine(newer, older) { (1 / (r0 + r1)) * ($0 - $1) }
    let slope = alpha * change
    let curve = alpha * (change / h + 1)
    let jerk = alpha * ((change + h) / (h * h) - 0.5)
    let straight = combine(latents, originals[0]) { keep * $0 - slope * $1 }
    return combine(combine(straight, bend) { $0 + curve * $1 }, twist) { $0 - jerk * $1 }
  }
}
