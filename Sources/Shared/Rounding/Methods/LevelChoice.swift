import Formats
import Platform
import Tensors

/// The levels of a layer that a method chose, and the branch beside them.
package struct LevelChoice {
  package let levels: Levels
  /// What the levels were chosen for is the weight without it.
  var branch: LowRankBranch?
  /// The damped objective of each row [outputs], where the method has computed it.
  package let rowLosses: [Double]?
  /// What `RoundingReport` says of the losses; empty: only the final one.
  let losses: [Double]
  /// Whether the factorization was done in f32; nil when there was none.
  let isSinglePrecision: Bool?

  package init(
    _ levels: Levels, rowLosses: [Double]? = nil, losses: [Double] = [],
    isSinglePrecision: Bool? = nil
  ) {
    (self.levels, self.rowLosses, self.losses) = (levels, rowLosses, losses)
    self.isSinglePrecision = isSinglePrecision
  }
}

extension LayerProblem {
  /// Refuses what no method can work with.
  package func check(_ options: RoundingOptions) throws {
    try options.check()
    guard weight.columns == objective.inputs else {
      throw Failure(
        place,
        "expected \(objective.inputs) inputs as \(objective.site) has, found \(weight.columns)")
    }
    let highest = min(weight.rows, weight.columns)
    guard options.rank <= highest else {
      throw Failure(
        place, "expected a rank of at most \(highest) for --rank, found \(options.rank)")
    }
  }

  /// What `branch` leaves to the codes.
  func without(_ branch: LowRankBranch?) -> LayerProblem {
    guard let branch else { return self }
    return LayerProblem(
      place: place, weight: difference(weight, branch.weight()), constant: constant,
      objective: objective)
  }

  /// The damped objective of each row [outputs] of `choice`, whose method may have computed it.
  package func rowLosses(of choice: LevelChoice) -> [Double] {
    choice.rowLosses
      ?? objective.losses(of: choice.levels.residual(from: without(choice.branch).weight))
  }

  /// The scales that a method starts with.
  package func scales(
    _ search: ScaleSearch, for method: RoundingMethod, _ options: RoundingOptions
  ) throws -> GroupScales {
    if options.layout.grouping == .weight, search != .absmax {
      return try GreedySearch.scales(of: weight, formats: options.candidates, place: place)
    }
    return try chooseScales(
      of: weight, options: options, search: search, method: method, objective: objective,
      place: place)
  }

  package func nearest(_ scales: GroupScales, _ options: RoundingOptions) -> Levels {
    Levels.nearest(weight, scales: scales, mode: options.sharedBitMode)
  }

  /// Fits the branch, if there is to be one, and chooses the levels of what it leaves by the method
  /// of `options`.
  ///
  /// - Parameters:
  ///   - options: how.
  ///   - trace: hears how the losses of AdaRound fall.
  /// - Returns: the levels and the branch.
  /// - Throws: `Failure` when a weight is not finite, the weight does not fit the statistics or the
  ///   rank, or an option is out of range.
  package func choose(
    _ options: RoundingOptions, trace: RoundingTrace.Listener? = nil
  ) throws -> LevelChoice {
    try check(options)
    guard options.rank > 0 else { return try chooseLevels(options, trace: trace) }
    let branch = try LowRankBranch(
      of: weight, rank: options.rank, metric: options.rankMetric, objective: objective,
      place: place)
    var choice = try without(branch).chooseLevels(options, trace: trace)
    choice.branch = branch
    return choice
  }

  private func chooseLevels(
    _ options: RoundingOptions, trace: RoundingTrace.Listener?
  ) throws -> LevelChoice {
    let chosen = try scales(options.scaleSearch, for: options.method, options)
    switch options.method {
    case .nearest: return LevelChoice(nearest(chosen, options))
    case .gptq:
      let factor = objective.feedbackFactor()
      return LevelChoice(
        errorFeedback(weight, scales: chosen, factor: factor),
        isSinglePrecision: factor.isSinglePrecision)
    case .adaround:
      let method = AdaRound(
        weight: weight, objective: objective, options: options.adaRound, trace: trace)
      let (levels, rowLosses) = method.run(scales: chosen)
      return LevelChoice(levels, rowLosses: rowLosses)
    case .descent:
      let factor = objective.feedbackFactor()
      let start = nearest(try scales(options.scaleSearch, for: .nearest, options), options)
      let result = Descent(
        weight: weight, objective: objective, options: options.descent
      ).run(from: [start, errorFeedback(weight, scales: chosen, factor: factor)])
      return LevelChoice(
        result.levels, rowLosses: result.rowLosses, losses: result.losses,
        isSinglePrecision: factor.isSinglePrecision)
    }
  }
}
