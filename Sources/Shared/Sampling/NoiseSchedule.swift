import Foundation
import Platform
import Tensors

/// The noise levels that a diffusion model was trained on, one for each training step, in the
/// arithmetic of diffusers.
package struct NoiseSchedule: Sendable {
  /// [training steps], f32.
  package let betas: [Float]
  /// [training steps]: the cumulative product of 1 - beta, multiplied up in f64, each output
  /// rounded to f32; the last one is 0 with `rescale_betas_zero_snr`.
  package let alphasCumprod: [Float]
  /// [training steps]: sqrt((1 - alphasCumprod) / alphasCumprod), the last one with 2^-24 for a 0,
  /// as in the classes that work in noise levels.
  package let sigmas: [Float]

  package var count: Int { betas.count }

  /// Reads `beta_start`, `beta_end`, `beta_schedule`, `num_train_timesteps` and
  /// `rescale_betas_zero_snr`.
  ///
  /// - Parameters:
  ///   - config: the scheduler's file.
  ///   - defaults: the betas of a file that says nothing about them.
  /// - Throws: `Failure` for a schedule that this does not compute, or betas outside 0 ... 1.
  package init(_ config: ModelConfig, defaults: BetaDefaults = .common) throws {
    let count = try config.size("num_train_timesteps", default: 1000)
    guard (2...100_000).contains(count) else {
      throw Failure(config.path, "num_train_timesteps: expected 2 ... 100000, found \(count)")
    }
    let first = try config.number("beta_start", in: 1e-12...1, default: defaults.first)
    let last = try config.number("beta_end", in: 1e-12...1, default: defaults.last)
    guard first <= last, last < 1 else {
      throw Failure(
        config.path, "beta_end: expected beta_start <= beta_end < 1, found \(first) and \(last)")
    }
    try config.refuse("trained_betas")
    let trained: [Float]
    switch try config.choice(
      "beta_schedule", of: BetaSchedule.allCases, default: defaults.schedule)
    {
    case .linear:
      trained = NoiseSchedule.linear(from: Float(first), to: Float(last), count: count)
    case .scaledLinear:
      let roots = NoiseSchedule.linear(
        from: Float(first.squareRoot()), to: Float(last.squareRoot()), count: count)
      trained = roots.map { $0 * $0 }
    }
    let endsInNoise = try config.bool("rescale_betas_zero_snr") ?? false
    betas = endsInNoise ? NoiseSchedule.rescaled(trained) : trained
    alphasCumprod = NoiseSchedule.products(betas)
    sigmas = alphasCumprod.map {
      let alpha = endsInNoise && $0 == 0 ? 0x1p-24 : $0
      return ((1 - alpha) / alpha).squareRoot()
    }
    guard sigmas.allSatisfy(\.isFinite) else {
      throw Failure(config.path, "beta_end: expected noise that leaves a signal, found \(last)")
    }
  }

  /// The products of 1 - beta up to each step, multiplied up in f64.
  private static func products(_ betas: [Float]) -> [Float] {
    var product = 1.0
    return betas.map {
      product *= Double(1 - $0)
      return Float(product)
    }
  }

  /// Betas that leave no signal at the last step, the first one being kept (arXiv 2305.08891,
  /// algorithm 1; `rescale_zero_terminal_snr`): the signal shares shifted and stretched, in f32.
  ///
  /// PyTorch's square roots are an ulp off for a few shares of a thousand, these are not.
  private static func rescaled(_ betas: [Float]) -> [Float] {
    let shares = products(betas).map { $0.squareRoot() }
    let (first, last) = (shares[0], shares[shares.count - 1])
    let stretch = first / (first - last)
    let alphas = shares.map {
      let share = ($0 - last) * stretch
      return share * share
    }
    return [1 - alphas[0]] + zip(alphas, alphas.dropFirst()).map { 1 - $1 / $0 }
  }

  /// `torch.linspace` in f32: fused steps from the nearer end.
  private static func linear(from first: Float, to last: Float, count: Int) -> [Float] {
    let step = (last - first) / Float(count - 1)
    return (0..<count).map { index in
      index < count / 2
        ? first.addingProduct(step, Float(index))
        : last.addingProduct(-step, Float(count - 1 - index))
    }
  }

  /// The noise level at a timestep that may lie between two, or beyond the last (`numpy.interp`).
  func sigma(at timestep: Double) -> Double {
    let low = min(max(0, Int(clamping: timestep)), count - 1)
    let high = min(low + 1, count - 1)
    let part = min(max(0, timestep - Double(low)), 1)
    let (a, b) = (Double(sigmas[low]), Double(sigmas[high]))
    return part * (b - a) + a
  }

  /// The timestep, with a fraction, whose noise level is `sigma` (`_sigma_to_t`): linear in the
  /// logarithm of the levels.
  func timestep(of sigma: Double, logarithms: [Float]) -> Double {
    let target = log(max(sigma, 1e-10))
    let below = logarithms.lastIndex { target >= Double($0) } ?? 0
    let low = min(below, count - 2)
    let (a, b) = (logarithms[low], logarithms[low + 1])
    let part = min(max(0, (Double(a) - target) / Double(a - b)), 1)
    return (1 - part) * Double(low) + part * Double(low + 1)
  }

  /// ln of every noise level as numpy computes it in f32 on AVX2 and AVX-512 machines, where
  /// `timestep(of:logarithms:)` reads them.
  func logSigmas() -> [Float] { sigmas.map(NumpyLogarithm.logarithm) }
}

/// What grows linearly with the training step: the betas, or their square roots.
enum BetaSchedule: String, CaseIterable {
  case linear
  case scaledLinear = "scaled_linear"
}

/// What a class of diffusers takes for `beta_start`, `beta_end` and `beta_schedule`.
package struct BetaDefaults: Sendable {
  let first: Double
  let last: Double
  let schedule: BetaSchedule

  /// Of all classes but one.
  package static let common = BetaDefaults(first: 0.0001, last: 0.02, schedule: .linear)
  /// Of `LCMScheduler`.
  static let consistency = BetaDefaults(first: 0.00085, last: 0.012, schedule: .scaledLinear)
}

extension ModelConfig {
  /// Refuses a key that turns on what is not computed here; absent, `null` and `false` leave it
  /// off.
  func refuse(_ key: String) throws {
    guard let found = json[key], found != .null, found != .bool(false) else { return }
    throw Failure(path, "\(key): expected null or false, found \(self.found(key))")
  }
}
