import Foundation
import Platform
import Tensors

/// Euler's method on the probability-flow equation (arXiv 2206.00364, algorithm 2 without churn;
/// diffusers `EulerDiscreteScheduler`).
///
/// *Limitations:* discrete timesteps and linear interpolation only; no exponential or beta sigmas,
/// no sigma bounds.
package final class EulerDiscrete: Scheduler {
  /// With a fraction for linspace and Karras.
  package let timesteps: [Float]
  package let initNoiseSigma: Float
  /// [steps + 1] noise levels.
  package let sigmas: [Float]
  private let prediction: Prediction

  init(_ config: ModelConfig, schedule: NoiseSchedule, steps: Int) throws {
    prediction = try Prediction(config, of: [.epsilon, .velocity])
    _ = try config.choice("interpolation_type", of: ["linear"], default: "linear")
    _ = try config.choice("timestep_type", of: ["discrete"], default: "discrete")
    for key in ["use_exponential_sigmas", "use_beta_sigmas", "sigma_min", "sigma_max"] {
      try config.refuse(key)
    }
    let final = try config.choice("final_sigmas_type", of: FinalSigma.allCases, default: .zero)
    let spacing = try TimestepSpacing(config, default: .linspace)
    // numpy interpolates at f32 timesteps.
    var visited = spacing.timesteps(
      steps: steps, training: schedule.count, offset: try stepsOffset(config, schedule: schedule),
      fractional: true
    ).map { Double(Float($0)) }
    var levels = visited.map { schedule.sigma(at: $0) }
    if try config.bool("use_karras_sigmas") ?? false {
      levels = karrasSigmas(highest: levels[0], lowest: levels[steps - 1], steps: steps)
      let logarithms = schedule.logSigmas()
      visited = levels.map { schedule.timestep(of: $0, logarithms: logarithms) }
    }
    timesteps = visited.map { Float($0) }
    sigmas = levels.map { Float($0) } + [final == .zero ? 0 : schedule.sigmas[0]]
    let top = sigmas.reduce(0, max)
    initNoiseSigma = spacing == .leading ? (top * top + 1).squareRoot() : top
  }

  package func scaleInput(_ latents: Matrix, index: Int) -> Matrix {
    let divisor = (sigmas[index] * sigmas[index] + 1).squareRoot()
    return combine(latents, latents) { value, _ in value / divisor }
  }

  package func original(_ modelOutput: Matrix, index: Int, latents: Matrix) -> Matrix {
    let sigma = sigmas[index]
    let square = sigma * sigma + 1
    let share = -sigma / square.squareRoot()
    return prediction == .velocity
      ? combine(latents, modelOutput) { $1 * share + $0 / square }
      : combine(latents, modelOutput) { $0 - sigma * $1 }
  }

  package func step(
    _ modelOutput: Matrix, index: Int, latents: Matrix, generators: [TorchGenerator]
  ) -> Matrix {
    let sigma = sigmas[index]
    let change = sigmas[index + 1] - sigma
    return combine(latents, original(modelOutput, index: index, latents: latents)) {
      $0 + ($0 - $1) / sigma * change
    }
  }
}
