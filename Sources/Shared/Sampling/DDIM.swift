import Foundation
import Platform
import Tensors

/// DDIM (arXiv 2010.02502, equation 12), with `eta` times DDPM's noise (diffusers `DDIMScheduler`).
final class DDIM: Scheduler {
  let timesteps: [Float]
  let initNoiseSigma: Float = 1
  private let eta: Float
  private let prediction: Prediction
  private let limit: SampleLimit
  /// [steps]: the cumulative alpha at each step and at the one after it.
  private let alphas: [(now: Float, next: Float)]

  init(_ config: ModelConfig, schedule: NoiseSchedule, steps: Int, eta: Float, clipsByDefault: Bool)
    throws
  {
    guard (0...1).contains(eta) else { throw Failure("eta: expected 0 ... 1, found \(eta)") }
    self.eta = eta
    prediction = try Prediction(config, of: [.epsilon, .velocity, .sample])
    limit = try SampleLimit(config, clipsByDefault: clipsByDefault)
    let final = try config.bool("set_alpha_to_one") ?? true ? 1 : schedule.alphasCumprod[0]
    let visited = try TimestepSpacing(config, default: .leading).timesteps(
      steps: steps, training: schedule.count, offset: stepsOffset(config, schedule: schedule))
    timesteps = visited.map { Float($0) }
    let stride = schedule.count / steps
    alphas = try tableIndices(visited, schedule: schedule, config: config).map {
      (
        schedule.alphasCumprod[$0],
        $0 < stride ? final : schedule.alphasCumprod[$0 - stride]
      )
    }
    try prediction.requireSignal(alphas.map(\.now), config)
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
    let clean = original(modelOutput, index: index, latents: latents)
    let noisePart = prediction.noise(
      modelOutput, latents: latents, alpha: now.squareRoot(), sigma: (1 - now).squareRoot())
    let variance = (1 - next) / (1 - now) * (1 - now / next)
    let deviation = eta * variance.squareRoot()
    let (keep, direction) = (next.squareRoot(), (1 - next - deviation * deviation).squareRoot())
    let result = combine(clean, noisePart) { keep * $0 + direction * $1 }
    guard eta > 0 else { return result }
    return combine(result, noise(like: latents, from: generators)) { $0 + deviation * $1 }
  }
}
