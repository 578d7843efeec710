import Formats
import Tensors

/// The codes of a layer, and the branch beside them, while they are being chosen.
struct LevelChoice {
  let levels: Levels
  let branch: LowRankBranch?
  /// V - W' [outputs][inputs], the branch counted in V.
  let residual: Matrix
  /// tr((V - W') H (V - W')').
  let loss: Double
  /// The loss after each stage of a descent; else the final one.
  let losses: [Double]
  /// Codes that are not the nearest to what the branch leaves.
  let changedCodes: Int
  let isSinglePrecision: Bool?

  /// Fits a branch to what the codes leave, chooses the codes of what the branch leaves, and again; keeps the best.
  ///
  /// Without a branch the codes are chosen once.
  static func alternating(_ problem: LayerProblem, _ options: RoundingOptions) throws -> LevelChoice
  {
    guard options.rank > 0 else { return try LevelChoice(problem, branch: nil, options) }
    var left = problem.weight
    var best: LevelChoice?
    for round in 1...max(1, options.branchRounds) {
      let branch = try LowRankBranch(
        of: left, rank: options.rank, metric: options.rankMetric, objective: problem.objective,
        place: problem.place)
      let choice = try LevelChoice(problem, branch: branch, options)
      if choice.loss < best?.loss ?? .infinity { best = choice }
      if round < options.branchRounds {
        left = difference(problem.weight, choice.levels.values())
      }
    }
    return best!
  }

  /// Chooses codes for W' less `branch`.
  private init(
    _ problem: LayerProblem, branch: LowRankBranch?, _ options: RoundingOptions
  ) throws {
    let objective = problem.objective
    let target = branch.map { difference(problem.weight, $0.weight()) } ?? problem.weight
    func scales(for method: RoundingMethod) throws -> GroupScales {
      guard options.tensorFormats.isEmpty else {
        return try GreedySearch.scales(
          of: target, formats: options.tensorFormats, place: problem.place)
      }
      return try chooseScales(
        of: target, options: options, search: options.scaleSearch, method: method,
        objective: objective, place: problem.place)
    }
    let chosen = try scales(for: options.method)
    var losses: [Double] = []
    var factor: FeedbackFactor?
    switch options.method {
    case .nearest: levels = Levels.nearest(target, scales: chosen)
    case .gptq:
      let made = objective.feedbackFactor()
      factor = made
      levels = errorFeedback(target, scales: chosen, factor: made)
    case .adaround:
      levels = AdaRound(weight: target, objective: objective, options: options.adaRound)
        .run(scales: chosen)
    case .descent:
      let made = objective.feedbackFactor()
      factor = made
      let nearest = Levels.nearest(target, scales: try scales(for: .nearest))
      (levels, losses) = Descent(weight: target, objective: objective, options: options.descent)
        .run(from: [nearest, errorFeedback(target, scales: chosen, factor: made)])
    }
    residual = levels.residual(from: target)
    loss = objective.losses(of: residual).reduce(0, +)
    self.losses = losses.isEmpty ? [loss] : losses
    self.branch = branch
    changedCodes = levels.differences(from: Levels.nearest(target, scales: levels.scales))
    isSinglePrecision = factor?.isSinglePrecision
  }
}
