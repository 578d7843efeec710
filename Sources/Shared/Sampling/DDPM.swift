import Foundation
import Platform
import Tensors

/// Ancestral sampling (arXiv 2006.11239, equation 7), on a subset of the training steps (diffusers
/// `DDPMScheduler`).
///
/// Noise is drawn at every step whose timestep is above 0, as the original does. *Limitations:* no
/// learned variance, no `fixed_large_log`.
final class DDPM: Scheduler {
  let timesteps: [Float]
  let initNoiseSigma: Float = 1
  private let prediction: Prediction
  private let limit: SampleLimit
  private let varianceType: VarianceType
  /// [steps]: the cumulative alpha at each step and at the next visited one.
  private let alphas: [(now: Float, next: Float)]

  init(_ config: ModelConfig, schedule: NoiseSchedule, steps: Int, clipsByDefault: Bool) throws {
    prediction = try Prediction(config, of: [.epsilon, .velocity, .sample])
    limit = try SampleLimit(config, clipsByDefault: clipsByDefault)
    varianceType = try config.choice(
      "variance_type", of: VarianceType.allCases, default: .small)
    let visited = try TimestepSpacing(config, default: .leading).timesteps(
      steps: steps, training: schedule.count, offset: stepsOffset(config, schedule: schedule))
    timesteps = visited.map { Float($0) }
    let levels = try tableIndices(visited, schedule: schedule, config: config).map {
      schedule.alphasCumprod[$0]
    }
    try prediction.requireSignal(levels, config)
    alphas = Array(zip(levels, levels.dropFirst() + [1]))
  }

  func original(_ modelOutput: Matrix, index: Int, latents: Matrix) -> Matrix {
    let now = alphas[index].now
    return limit(
      prediction.original(
        modelOutput, latents: latents, alpha: now.squareRoot(), sigma: (1 - now).squareRoot()))
  }

  func step(
    _ modelOutput: Matrix, index: Int, latents: Matrix, generators: [TorchGenerator]
  ) -> Matrix {
    let (now, next) = alphas[index]
    let alpha = now / next
    let beta = 1 - alpha
    let toClean = next.squareRoot() * beta / (1 - now)
    let toLatents = alpha.squareRoot() * (1 - next) / (1 - now)
    let mean = combine(original(modelOutput, index: index, latents: latents), latents) {
      toClean * $0 + toLatents * $1
    }
    guard timesteps[index] > 0 else { return mean }
    let variance = max((1 - next) / (1 - now) * beta, 1e-20)
    let deviation: Float
    switch varianceType {
    case .large: deviation = beta.squareRoot()
    case .smallLogarithm: deviation = expf(0.5 * logf(variance))
    case .small: deviation = variance.squareRoot()
    }
    return combine(mean, noise(like: latents, from: generators)) { $0 + deviation * $1 }
  }
}

/// How large the noise of a step is (`variance_type` of diffusers).
private enum VarianceType: String, CaseIterable {
  case small = "fixed_small"
  case smallLogarithm = "fixed_small_log"
  case large = "fixed_large"
}
