import Calibration
import Formats
import Kernels
import Pipeline
import Platform
import Tensors

/// The layers that a recipe quantizes, one after the other as problems to be rounded, from statistics and float weights.
struct PlannedLayers {
  let statistics: StatisticsFile
  /// The format of each layer of the recipe.
  let formats: [String: NumberFormat]
  /// Those of the shard.
  let chosen: Set<String>
  private let weights: any TensorSource
  private let heldOut: StatisticsFile?
  private let objective: ObjectiveOptions
  private let input: InputOptions

  /// One layer and what it shares with those of its input site.
  struct Layer {
    let name: String
    let site: String
    let format: NumberFormat
    let problem: LayerProblem
    let prepared: SiteInput
    /// Tokens of the site's statistics.
    let tokens: Int
    /// Other prompts' statistics, to judge by.
    let heldOut: HeldOut?
  }

  /// Opens what `stage` names and decides the formats.
  ///
  /// - Throws: `Failure` when statistics and weights are not of one model, for a pattern that matches nothing, and for options that
  ///   a layer's format does not have.
  init(_ stage: RoundModel) throws {
    statistics = try StatisticsFile(stage.statistics)
    heldOut = try stage.heldOut.map { try StatisticsFile($0) }
    weights = try stage.weights(for: [statistics] + (heldOut.map { [$0] } ?? []))
    let layers = statistics.layers
    formats = try chooseFormats(
      for: statistics.sites.flatMap { layers[$0] ?? [] }, recipe: stage.recipe,
      overrides: stage.overrides)
    for (_, format) in formats.sorted(by: { $0.key < $1.key }) {
      try stage.options.of(format, inputs: 1).check()
    }
    chosen = Set(
      formats.keys.filter { layer in stage.layerPattern.map { matches($0, layer) } ?? true })
    guard !chosen.isEmpty else {
      throw Failure(
        "layers \(stage.layerPattern ?? "*")", "expected to match a layer, matched none")
    }
    (objective, input) = (stage.objective, stage.input)
  }

  /// Calls `body` with each layer of the shard, site by site.
  ///
  /// - Throws: what `body` throws, and `Failure` for statistics or weights that are broken.
  func forEach(_ body: (Layer) throws -> Void) throws {
    for site in statistics.sites {
      // All layers of a site decide how its input is prepared, also those of other shards.
      let layers = (statistics.layers[site] ?? []).filter { formats[$0] != nil }
      guard layers.contains(where: chosen.contains) else { continue }
      let moments = SiteMoments(try statistics.statistics(of: site))
      let matrices = try layers.map { try weight($0) }
      let prepared = try SiteInput(moments, weights: matrices, options: input)
      let shared = try moments.objective(objective, prepared.transform)
      let judging = try heldOut.map {
        try HeldOut(SiteMoments($0.statistics(of: site)), prepared.transform)
      }
      for (layer, weight) in zip(layers, matrices) where chosen.contains(layer) {
        guard let format = formats[layer] else { continue }
        let problem = LayerProblem(
          place: "\(weights.path): \(layer).weight", weight: prepared.transform.weight(weight),
          constant: prepared.constant(weight), objective: shared)
        try body(
          Layer(
            name: layer, site: site, format: format, problem: problem, prepared: prepared,
            tokens: moments.tokens, heldOut: judging))
      }
    }
  }

  /// The float weight of `layer`, [outputs][inputs].
  private func weight(_ layer: String) throws -> Matrix {
    let tensor = try weights.tensor("\(layer).weight")
    guard let rows = tensor.shape.first, rows > 0 else {
      throw Failure(tensor.place, "expected a weight, found shape \(tensor.shape)")
    }
    return Matrix(rows: rows, columns: tensor.count / rows, values: try tensor.floats())
  }
}
