import Foundation
import Platform
import Tensors

/// UniPC (arXiv 2302.04867), multistep, order 1 to 3: a predictor, whose steps are taken again by a
/// corrector once the model has been asked at their ends (diffusers `UniPCMultistepScheduler`).
///
/// *Limitations:* no exponential, beta or flow sigmas and no bounds of them, no thresholding, no
/// other scheduler as the predictor (`solver_p`).
package final class UniPCMultistep: Scheduler {
  package var timesteps: [Float] { levels.timesteps }
  package let initNoiseSigma: Float = 1
  /// [steps + 1] noise levels, the last one what remains in the finished image.
  package var sigmas: [Float] { levels.sigmas }
  private let levels: SolverLevels
  private let order: Int
  /// B(h) of the paper is h itself (`bh1`), else e^h - 1.
  private let isPlain: Bool
  /// Whether steps are polynomials in the clean sample (`predict_x0`) or in the noise.
  private let followsClean: Bool
  private let prediction: Prediction
  private let lowersFinal: Bool
  /// Steps that the corrector leaves alone.
  private let uncorrected: [Int]
  /// Clean samples, or noise, of the latest steps, newest first.
  private var outputs: [Matrix] = []
  /// The latents that the latest step started from.
  private var before: Matrix?

  init(_ config: ModelConfig, schedule: NoiseSchedule, steps: Int) throws {
    order = try SolverLevels.order(config)
    // The types of other solvers, which a file may come with, stand for bh2.
    let types = ["bh1", "bh2", "midpoint", "heun", "logrho"]
    isPlain = try config.choice("solver_type", of: types, default: "bh2") == "bh1"
    followsClean = try config.bool("predict_x0") ?? true
    prediction = try Prediction(config, of: [.epsilon, .velocity, .sample])
    for key in [
      "thresholding", "solver_p", "use_exponential_sigmas", "use_beta_sigmas", "use_flow_sigmas",
      "use_dynamic_shifting", "sigma_min", "sigma_max", "shift_terminal",
    ] { try config.refuse(key) }
    lowersFinal = try config.bool("lower_order_final") ?? true
    uncorrected = try config.ints("disable_corrector") ?? []
    let final = try config.choice("final_sigmas_type", of: FinalSigma.allCases, default: .zero)
    levels = try SolverLevels(
      config, schedule: schedule, steps: steps, final: final, repeatsKarras: true)

    // Down to 0 the step h is infinite, which only the first order in e^-h has a limit for; the
    // original returns NaN.
    let lastOrder = orderUsed(steps - 1)
    guard final != .zero || (!isPlain && followsClean && lastOrder == 1) else {
      throw Failure(
        config.path,
        "final_sigmas_type: expected sigma_min with solver_type bh1, with predict_x0 false and "
          + "with lower_order_final false, found zero")
    }
    // Karras' levels end on the final one, a step of no length, which orders 1 and 2 can take.
    if order > 1 { try levels.requireFalling(first: lastOrder < 3 ? steps : steps + 1) }
  }

  package func original(_ modelOutput: Matrix, index: Int, latents: Matrix) -> Matrix {
    let (alpha, sigma) = levels.parts(index)
    return prediction.original(modelOutput, latents: latents, alpha: alpha, sigma: sigma)
  }

  package func step(
    _ modelOutput: Matrix, index: Int, latents: Matrix, generators: [TorchGenerator]
  ) -> Matrix {
    if index == 0 { (outputs, before) = ([], nil) }
    let (alpha, sigma) = levels.parts(index)
    let output =
      followsClean
      ? original(modelOutput, index: index, latents: latents)
      : prediction.noise(modelOutput, latents: latents, alpha: alpha, sigma: sigma)
    var start = latents
    if let before, !uncorrected.contains(index - 1) {
      start = advanced(before, to: index, order: orderUsed(index - 1), output: output)
    }
    outputs.insert(output, at: 0)
    if outputs.count > order { outputs.removeLast() }
    before = start
    return advanced(start, to: index + 1, order: orderUsed(index), output: nil)
  }

  /// The order of step `index`: lower while there is no history, and at the end.
  private func orderUsed(_ index: Int) -> Int {
    min(order, index + 1, lowersFinal ? timesteps.count - index : order)
  }

  /// One step, predicted or corrected.
  ///
  /// - Parameters:
  ///   - latents: at the level before `next`, of which `outputs` has the newest.
  ///   - next: the level where the step ends.
  ///   - order: how many of the `outputs` it uses.
  ///   - output: what the model made of the predicted latents there, for the corrector; nil
  ///     predicts.
  /// - Returns: the latents at `next`.
  private func advanced(_ latents: Matrix, to next: Int, order: Int, output: Matrix?) -> Matrix {
    let (now, then) = (levels.parts(next - 1), levels.parts(next))
    let start = levels.lambda(next - 1)
    let h = levels.lambda(next) - start
    let signed = followsClean ? -h : h
    let growth = expm1f(signed)
    let (keep, share) =
      followsClean
      ? (then.sigma / now.sigma, then.alpha) : (then.alpha / now.alpha, then.sigma)
    let slope = share * growth
    let straight = combine(latents, outputs[0]) { keep * $0 - slope * $1 }

    // Where the outputs stand, in steps from the newest one, and their slopes from there.
    var nodes = (1..<order).map { (levels.lambda(next - 1 - $0) - start) / h }
    var slopes = nodes.enumerated().map { index, node in
      combine(outputs[index + 1], outputs[0]) { ($0 - $1) / node }
    }
    if let output {
      nodes.append(1)
      slopes.append(combine(output, outputs[0]) { $0 - $1 })
    }
    let unit = isPlain ? signed : growth
    let weights = bendWeights(nodes, h: signed, growth: growth, unit: unit)
    guard var bend = slopes.first.map({ combine($0, $0) { value, _ in weights[0] * value } }) else {
      return straight
    }
    for (weight, slope) in zip(weights, slopes).dropFirst() {
      bend = combine(bend, slope) { $0 + weight * $1 }
    }
    let scale = share * unit
    return combine(straight, bend) { $0 - scale * $1 }
  }
}

/// How much the slope to each node counts: the solution of the paper's equation 5 for `nodes`, in
/// f32.
///
/// - Parameters:
///   - nodes: r of the paper, different from each other.
///   - h: the step in lambda, negative for clean samples.
///   - growth: e^h - 1.
///   - unit: B(h).
/// - Returns: as many as `nodes`; a single one is 1/2, whatever the step.
private func bendWeights(_ nodes: [Float], h: Float, growth: Float, unit: Float) -> [Float] {
  if nodes.count < 2 { return nodes.map { _ in 0.5 } }
  var (remainder, factorial) = (growth / h - 1, Float(1))
  var (powers, right) = ([[Float]](), [Float]())
  var row = nodes.map { _ in Float(1) }
  for index in nodes.indices {
    powers.append(row)
    right.append(remainder * factorial / unit)
    factorial *= Float(index + 2)
    remainder = remainder / h - 1 / factorial
    row = zip(row, nodes).map { $0 * $1 }
  }
  return solved(powers, right)
}

/// x of `rows` x = `right`, by elimination with the largest pivot of each column.
private func solved(_ rows: [[Float]], _ right: [Float]) -> [Float] {
  var rows = zip(rows, right).map { $0 + [$1] }
  let count = right.count
  for column in 0..<count {
    let pivot = (column..<count).max { abs(rows[$0][column]) < abs(rows[$1][column]) } ?? column
    rows.swapAt(column, pivot)
    for row in (column + 1)..<count {
      let factor = rows[row][column] / rows[column][column]
      for index in column...count { rows[row][index] -= factor * rows[column][index] }
    }
  }
  var x = [Float](repeating: 0, count: count)
  for row in (0..<count).reversed() {
    let known = ((row + 1)..<count).reduce(rows[row][count]) { $0 - rows[row][$1] * x[$1] }
    x[row] = known / rows[row][row]
  }
  return x
}
