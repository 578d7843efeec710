import Foundation
import Platform
import Tensors

/// The noise levels that a multistep solver steps between, with `timestep_spacing`, `steps_offset`,
/// `use_karras_sigmas` and `final_sigmas_type` as the diffusers classes DPM-Solver and UniPC read
/// them.
struct SolverLevels {
  /// [steps], noisiest first, whole numbers.
  let timesteps: [Float]
  /// [steps + 1] noise levels, the last one what remains in the finished image.
  let sigmas: [Float]
  private let path: String

  /// - Parameters:
  ///   - config: the scheduler's file.
  ///   - schedule: what the model was trained on.
  ///   - steps: how many.
  ///   - final: the file's `final_sigmas_type`.
  ///   - repeatsKarras: whether the smallest final level after Karras' is their last one again, and
  ///     not the lowest of the schedule; they differ for one step only.
  /// - Throws: `Failure` naming an option of the wrong kind.
  init(
    _ config: ModelConfig, schedule: NoiseSchedule, steps: Int, final: FinalSigma,
    repeatsKarras: Bool = false
  ) throws {
    path = config.path
    let spacing = try TimestepSpacing(config, default: .linspace)
    let offset = try stepsOffset(config, schedule: schedule)
    let levels: [Double]
    var lowest = schedule.sigmas[0]
    if try config.bool("use_karras_sigmas") ?? false {
      levels = karrasSigmas(
        highest: Double(schedule.sigmas[schedule.count - 1]), lowest: Double(schedule.sigmas[0]),
        steps: steps)
      if repeatsKarras { lowest = Float(levels[steps - 1]) }
      let logarithms = schedule.logSigmas()
      timesteps = levels.map {
        Float(schedule.timestep(of: $0, logarithms: logarithms).rounded(.toNearestOrEven))
      }
    } else {
      let visited = spacing.timestepsBeforeEnd(
        steps: steps, training: schedule.count, offset: offset)
      timesteps = visited.map { Float($0) }
      levels = visited.map { schedule.sigma(at: $0) }
    }
    sigmas = levels.map { Float($0) } + [final == .zero ? 0 : lowest]
  }

  /// The highest order of a step, `solver_order`.
  ///
  /// - Throws: `Failure` naming the option for another than 1, 2 and 3.
  static func order(_ config: ModelConfig) throws -> Int {
    let order = try config.int("solver_order") ?? 2
    guard (1...3).contains(order) else {
      throw Failure(config.path, "solver_order: expected 1, 2 or 3, found \(order)")
    }
    return order
  }

  /// Signal and noise shares at level `index`: alpha^2 + sigma^2 = 1.
  func parts(_ index: Int) -> (alpha: Float, sigma: Float) {
    let alpha = 1 / (sigmas[index] * sigmas[index] + 1).squareRoot()
    return (alpha, sigmas[index] * alpha)
  }

  /// ln(alpha / sigma) at level `index`: half the logarithm of the signal-to-noise ratio.
  func lambda(_ index: Int) -> Float {
    let (alpha, sigma) = parts(index)
    return logf(alpha) - logf(sigma)
  }

  /// Refuses equal levels among the first `count`: orders above 1 divide by the zero between them,
  /// and the original then returns NaN.
  func requireFalling(first count: Int) throws {
    let levels = sigmas.prefix(count)
    guard zip(levels, levels.dropFirst()).allSatisfy({ $0 > $1 }) else {
      throw Failure(
        path,
        "expected falling noise levels, found two equal ones: \(timesteps.count) steps are too many"
      )
    }
  }
}
