import Foundation
import Platform
import Tensors

/// Sampling of latent consistency models (arXiv 2310.04378, algorithm 3), which jump to the clean
/// sample and add noise anew (diffusers `LCMScheduler`).
///
/// The timesteps are chosen from the `original_inference_steps` that such a model was distilled at;
/// `timestep_spacing` and `steps_offset` have no effect, as in the original.
final class LatentConsistency: Scheduler {
  let timesteps: [Float]
  let initNoiseSigma: Float = 1
  private let prediction: Prediction
  private let limit: SampleLimit
  /// [steps]: the cumulative alpha at each step and at the next visited one.
  private let alphas: [(now: Float, next: Float)]
  /// [steps]: the shares of the latents and of the predicted sample in the clean one.
  private let boundary: [(latents: Float, sample: Float)]

  init(_ config: ModelConfig, schedule: NoiseSchedule, steps: Int) throws {
    let prediction = try Prediction(config, of: [.epsilon, .velocity, .sample])
    self.prediction = prediction
    limit = try SampleLimit(config, clipsByDefault: false)
    _ = try TimestepSpacing(config, default: .leading)
    let distilled = try config.size("original_inference_steps", default: 50)
    guard distilled <= schedule.count else {
      throw Failure(
        config.path,
        "original_inference_steps: expected 1 ... \(schedule.count), found \(distilled)")
    }
    guard steps <= distilled else {
      throw Failure(
        config.path,
        "original_inference_steps: expected at least the steps, \(steps), found \(distilled)")
    }
    let scaling = Float(try config.number("timestep_scaling", in: 0.001...1e6, default: 10))
    // Every count / distilled-th training step, of these `steps` evenly spaced by index.
    let (stride, part) = (schedule.count / distilled, Double(distilled) / Double(steps))
    let visited = (0..<steps).map { (distilled - Int(clamping: Double($0) * part)) * stride - 1 }
    timesteps = visited.map { Float($0) }
    let levels = visited.map { schedule.alphasCumprod[$0] }
    try prediction.requireSignal(levels, config)
    alphas = Array(zip(levels, levels.dropFirst() + [1]))
    // The paper's c_skip and c_out, for data of deviation 1/2.
    boundary = timesteps.map {
      let scaled = $0 * scaling
      let square = scaled * scaled + 0.25
      return (0.25 / square, scaled / square.squareRoot())
    }
  }

  func original(_ modelOutput: Matrix, index: Int, latents: Matrix) -> Matrix {
    let now = alphas[index].now
    let sample = limit(
      prediction.original(
        modelOutput, latents: latents, alpha: now.squareRoot(), sigma: (1 - now).squareRoot()))
    let shares = boundary[index]
    return combine(sample, latents) { shares.sample * $0 + shares.latents * $1 }
  }

  func step(
    _ modelOutput: Matrix, index: Int, latents: Matrix, generators: [TorchGenerator]
  ) -> Matrix {
    let clean = original(modelOutput, index: index, latents: latents)
    guard index + 1 < timesteps.count else { return clean }
    let next = alphas[index].next
    let (keep, deviation) = (next.squareRoot(), (1 - next).squareRoot())
    return combine(clean, noise(like: latents, from: generators)) { keep * $0 + deviation * $1 }
  }
}
