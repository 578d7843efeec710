import Platform
import Tensors

/// A sampler of `steps` steps: what takes latents from noise to an image as the model predicts (a
/// diffusers scheduler).
///
/// Latents are [samples][channels * height * width]. Steps are taken in order, 0 ..< steps; step 0
/// starts anew.
package protocol Scheduler: AnyObject {
  /// What the model is told at each step, noisiest first; whole numbers except Euler's.
  var timesteps: [Float] { get }
  /// What standard normal noise is multiplied by to begin with.
  var initNoiseSigma: Float { get }
  /// The latents as the model wants to see them at step `index`.
  func scaleInput(_ latents: Matrix, index: Int) -> Matrix
  /// The latents after step `index`.
  ///
  /// - Parameters:
  ///   - modelOutput: what the model predicted, as the latents.
  ///   - index: the step.
  ///   - latents: before the step.
  ///   - generators: one for all samples, or one for each; only some schedulers draw from them.
  /// - Returns: the latents of the next step.
  func step(
    _ modelOutput: Matrix, index: Int, latents: Matrix, generators: [TorchGenerator]
  ) -> Matrix
  /// What the model thinks the finished latents are (`pred_original_sample`).
  func original(_ modelOutput: Matrix, index: Int, latents: Matrix) -> Matrix
}

extension Scheduler {
  package func scaleInput(_ latents: Matrix, index: Int) -> Matrix { latents }
}

/// The names of `--scheduler`, with the classes of diffusers they stand for.
package enum SchedulerName: String, CaseIterable, Sendable {
  case dpmSolver = "dpmsolver++"
  case ddim, euler, ddpm, unipc, lcm

  var className: String {
    switch self {
    case .dpmSolver: "DPMSolverMultistepScheduler"
    case .ddim: "DDIMScheduler"
    case .euler: "EulerDiscreteScheduler"
    case .ddpm: "DDPMScheduler"
    case .unipc: "UniPCMultistepScheduler"
    case .lcm: "LCMScheduler"
    }
  }
}

/// The scheduler that `scheduler_config.json` describes, for `steps` steps.
///
/// - Parameters:
///   - config: the file; keys that the class does not know are ignored.
///   - name: a `SchedulerName` to use in place of the file's class, with the file's betas and
///     options. Unlike `from_config` of diffusers, latents are then clipped only if the file says
///     so, not by the class's default.
///   - steps: how many steps, 1 ... 1000 and at most the training steps.
///   - eta: how much of DDPM's noise DDIM adds (0: none).
/// - Returns: the scheduler, ready for step 0.
/// - Throws: `Failure` naming an option that is not computed here, or the number of steps.
package func makeScheduler(
  config: ModelConfig, override name: String? = nil, steps: Int, eta: Float = 0
) throws -> any Scheduler {
  let known = SchedulerName.allCases
  let chosen: SchedulerName
  if let name {
    guard let found = SchedulerName(rawValue: name) else {
      let names = known.map(\.rawValue).joined(separator: ", ")
      throw Failure("scheduler \(name): expected one of \(names)")
    }
    chosen = found
  } else {
    let className = try config.string("_class_name") ?? "none"
    guard let found = known.first(where: { $0.className == className }) else {
      let names = known.map(\.className).joined(separator: ", ")
      throw Failure(
        config.path,
        "_class_name: expected one of \(names), found \(className); "
          + "--scheduler takes another")
    }
    chosen = found
  }
  let schedule = try NoiseSchedule(config, defaults: chosen == .lcm ? .consistency : .common)
  guard (1...min(1000, schedule.count)).contains(steps) else {
    throw Failure("steps: expected 1 ... \(min(1000, schedule.count)), found \(steps)")
  }
  do {
    switch chosen {
    case .dpmSolver: return try DPMSolverMultistep(config, schedule: schedule, steps: steps)
    case .ddim:
      return try DDIM(
        config, schedule: schedule, steps: steps, eta: eta, clipsByDefault: name == nil)
    case .euler: return try EulerDiscrete(config, schedule: schedule, steps: steps)
    case .ddpm:
      return try DDPM(
        config, schedule: schedule, steps: steps, clipsByDefault: name == nil)
    case .unipc: return try UniPCMultistep(config, schedule: schedule, steps: steps)
    case .lcm: return try LatentConsistency(config, schedule: schedule, steps: steps)
    }
  } catch let failure as Failure where name == nil {
    // An option that the file's own class cannot be given may be none of another one.
    throw Failure("\(failure.description); --scheduler takes another")
  }
}

/// `steps_offset`: what is added to leading timesteps.
func stepsOffset(_ config: ModelConfig, schedule: NoiseSchedule) throws -> Int {
  let offset = try config.int("steps_offset") ?? 0
  guard (0..<schedule.count).contains(offset) else {
    throw Failure(
      config.path, "steps_offset: expected 0 ... \(schedule.count - 1), found \(offset)")
  }
  return offset
}

/// Timesteps as indices of the schedule.
///
/// - Throws: `Failure` when the offset moves one past the end.
func tableIndices(
  _ timesteps: [Double], schedule: NoiseSchedule, config: ModelConfig
) throws -> [Int] {
  try timesteps.map { timestep in
    let index = Int(clamping: timestep)
    guard timestep >= 0, index < schedule.count else {
      throw Failure(
        config.path,
        "steps_offset: expected timesteps below \(schedule.count), found \(index)")
    }
    return index
  }
}
