import Foundation
import Platform
import Tensors

/// Which of the training steps the sampler visits (Table 2 of arXiv 2305.08891), counted as the
/// diffusers schedulers count.
enum TimestepSpacing: String, CaseIterable {
  case linspace, leading, trailing

  init(_ config: ModelConfig, default fallback: TimestepSpacing) throws {
    self = try config.choice(
      "timestep_spacing", of: TimestepSpacing.allCases, default: fallback)
  }

  /// `numpy.linspace(0, last, count)`.
  static func linear(to last: Int, count: Int) -> [Double] {
    guard count > 1 else { return [0] }
    let step = Double(last) / Double(count - 1)
    return (0..<count).map { $0 == count - 1 ? Double(last) : Double($0) * step }
  }

  /// Timesteps, noisiest first, where the last visited one is near 0 (DDPM, DDIM, Euler).
  ///
  /// - Returns: `steps` numbers, whole ones unless `fractional` leaves linspace unrounded.
  ///   diffusers makes one number too many, -1, for some trailing counts (61, 103, ...); here they
  ///   are always `steps`.
  func timesteps(steps: Int, training: Int, offset: Int, fractional: Bool = false) -> [Double] {
    switch self {
    case .linspace:
      let values = TimestepSpacing.linear(to: training - 1, count: steps).reversed()
      return values.map { fractional ? $0 : $0.rounded(.toNearestOrEven) }
    case .leading:
      return (0..<steps).reversed().map { Double($0 * (training / steps) + offset) }
    case .trailing:
      return trailing(steps: steps, training: training)
    }
  }

  /// Timesteps, noisiest first, that leave out the end of the schedule, where the final noise level
  /// stands (DPM-Solver).
  func timestepsBeforeEnd(steps: Int, training: Int, offset: Int) -> [Double] {
    switch self {
    case .linspace:
      return TimestepSpacing.linear(to: training - 1, count: steps + 1).dropFirst().reversed()
        .map { $0.rounded(.toNearestOrEven) }
    case .leading:
      return (1...steps).reversed().map { Double($0 * (training / (steps + 1)) + offset) }
    case .trailing:
      return trailing(steps: steps, training: training)
    }
  }

  private func trailing(steps: Int, training: Int) -> [Double] {
    // numpy.arange takes the difference of its first two values as the step.
    let step = (Double(training) - Double(training) / Double(steps)) - Double(training)
    return (0..<steps).map {
      (Double(training) + Double($0) * step).rounded(.toNearestOrEven) - 1
    }
  }
}

/// The noise levels of Karras and others (arXiv 2206.00364, equation 5, rho 7), from `highest` down
/// to `lowest`.
func karrasSigmas(highest: Double, lowest: Double, steps: Int) -> [Double] {
  let (top, bottom) = (pow(highest, 1 / 7), pow(lowest, 1 / 7))
  let step = steps > 1 ? 1 / Double(steps - 1) : 0
  return (0..<steps).map { index in
    let ramp = steps > 1 && index == steps - 1 ? 1 : Double(index) * step
    return pow(top + ramp * (bottom - top), 7)
  }
}
