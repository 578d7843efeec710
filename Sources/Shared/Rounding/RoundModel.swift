import Calibration
import Formats
import Foundation
import Kernels
import Pipeline
import Platform
import Tensors

/// The stage of `fpq-round`: statistics and float weights in, codes and scales out.
package struct RoundModel {
  /// Statistics; `-`: stdin.
  package var statistics = "-"
  package var output = "-"
  /// The model folder, instead of where the statistics were taken.
  package var model: String?
  /// Statistics of other prompts, on which the result is only judged.
  package var heldOut: String?
  package var recipe = Recipe.balanced
  package var overrides = LayerOverrides()
  package var objective = ObjectiveOptions()
  package var input = InputOptions()
  /// The format, and what the recipe sets, is replaced by each layer's own.
  package var options: RoundingOptions
  /// Bits of the static formats of inputs, 8 or 6, with the recipe `fpq-greedy`.
  package var activationBits = 8
  /// The shard: layers that match this pattern.
  package var layerPattern: String?
  package var reportPath: String?
  package var isVerbose = false

  package init() throws { options = RoundingOptions(format: try NumberFormat("e2m1")) }

  package func run() throws {
    try options.check()
    let statistics = try StatisticsFile(self.statistics)
    let start = Date()
    let judge = try heldOut.map { try StatisticsFile($0) }
    let weights = try modelWeights(for: [statistics] + (judge.map { [$0] } ?? []))
    let formats = try chooseFormats(
      for: statistics.sites.flatMap { statistics.layers[$0] ?? [] }, recipe: recipe,
      overrides: overrides)
    let chosen = formats.keys.filter { layer in layerPattern.map { matches($0, layer) } ?? true }
    guard !chosen.isEmpty else {
      throw Failure("layers \(layerPattern ?? "*")", "expected to match a layer, matched none")
    }
    // Refused here, before the work, rather than after it.
    let result = try OutputFile(output)

    var coded: [String: CodedLayer] = [:]
    var report: [LayerReport] = []
    let progress = Progress("rounding", total: chosen.count, unit: "layers")
    for site in statistics.sites {
      // All layers of a site decide how its input is prepared, also those of other shards.
      let layers = (statistics.layers[site] ?? []).filter { formats[$0] != nil }
      guard layers.contains(where: chosen.contains) else { continue }
      let moments = SiteMoments(try statistics.statistics(of: site))
      let matrices = try layers.map { try weight($0, from: weights) }
      let prepared = try SiteInput(moments, weights: matrices, options: input)
      let shared = try moments.objective(objective, prepared.transform)
      let activation =
        recipe == .fpqGreedy ? try staticActivation(of: site, moments, statistics) : nil
      let siteTensors =
        prepared.tensors(site: site) + (activation.map { [$0.tensor(site: site)] } ?? [])
      let judging = try judge.map {
        try HeldOut(SiteMoments($0.statistics(of: site)), prepared.transform)
      }
      for (layer, weight) in zip(layers, matrices) where chosen.contains(layer) {
        let own = layerOptions(formats[layer] ?? [], inputs: weight.columns)
        let problem = LayerProblem(
          place: "\(weights.path): \(layer).weight", weight: prepared.transform.weight(weight),
          constant: prepared.constant(weight), objective: shared)
        let rounded = try round(problem, options: own)
        var entry = entry(own, rounded, prepared)
        entry.site = siteTensors.isEmpty ? nil : site
        entry.activations = activation?.format.description
        coded[layer] = CodedLayer(rounded: rounded, entry: entry, siteTensors: siteTensors)
        report.append(
          LayerReport(
            layer: layer, rounded: rounded, outputs: weight.rows, inputs: weight.columns,
            tokens: moments.tokens,
            heldOut: judging?.relativeError(of: rounded, for: problem), activation: activation))
        progress.advance()
      }
    }
    progress.finish()
    try CodesFile.write(
      coded, planned: formats.keys.sorted(), history: statistics.metadata.history + [command],
      model: statistics.metadata, to: result)
    try reportPath.map { try LayerReport.write(report, to: $0) }
    if isVerbose {
      Console.say(LayerReport.summary(report))
      let seconds = String(format: "%.1f", Date().timeIntervalSince(start))
      Console.say("\(report.count) layers, \(seconds) s, peak memory \(Memory.peakMegabytes) MB")
    }
  }

  /// The float weight of `layer`, [outputs][inputs].
  private func weight(_ layer: String, from weights: any TensorSource) throws -> Matrix {
    let tensor = try weights.tensor("\(layer).weight")
    guard let rows = tensor.shape.first, rows > 0 else {
      throw Failure(tensor.place, "expected a weight, found shape \(tensor.shape)")
    }
    return Matrix(rows: rows, columns: tensor.count / rows, values: try tensor.floats())
  }

  /// How a layer of `inputs` channels is rounded that may get `formats`.
  private func layerOptions(_ formats: [NumberFormat], inputs: Int) -> RoundingOptions {
    var own = options
    own.format = formats.first ?? own.format
    if recipe == .fpqGreedy {
      own.tensorFormats = formats
      own.groupSize = inputs
    }
    return own
  }

  /// The static format of the inputs of `site`.
  private func staticActivation(
    of site: String, _ moments: SiteMoments, _ statistics: StatisticsFile
  ) throws -> StaticActivation {
    guard let histogram = moments.histogram else {
      throw Failure(
        statistics.path,
        "expected \(site).histogram for --recipe fpq-greedy, found none; take the statistics anew")
    }
    return try StaticActivation(
      histogram, absmax: moments.absmax.max() ?? 0, bits: activationBits,
      place: "\(statistics.path): \(site)")
  }

  /// How a layer is stored.
  private func entry(
    _ options: RoundingOptions, _ rounded: RoundedLayer, _ prepared: SiteInput
  ) -> LayerFormats.Entry {
    var entry = LayerFormats.Entry(
      format: rounded.quantized.format, groupSize: options.groupSize)
    entry.scaleType = options.scaleType
    entry.isSplit = options.isSplit
    entry.rank = rounded.branch?.rank ?? 0
    entry.hadamard = prepared.transform.hadamard
    entry.isNonnegative = prepared.isNonnegative
    return entry
  }

  /// The float weights that the statistics were taken of.
  private func modelWeights(for files: [StatisticsFile]) throws -> any TensorSource {
    let source = try TransformerSource(
      model ?? files[0].metadata.model(in: files[0].path, option: "--model"))
    let sha256 = try SHA256.hex(of: source.weights)
    for file in files where file.metadata.modelSHA256 != sha256 {
      throw Failure(
        file.path, "expected statistics of \(source.folder.path), found another model's")
    }
    return source.weights
  }

  /// The canonical command line: what decides the codes, without files, threads and shards.
  private var command: String {
    var words = ["fpq-round", "--method", options.method.rawValue, "--recipe", recipe.rawValue]
    if recipe == .fpqGreedy {
      words += ["--activation-bits", "\(activationBits)"]
    } else {
      words += ["--group-size", "\(options.groupSize)", "--scale", options.scaleSearch.rawValue]
    }
    words += ["--damping", "\(objective.damping)"]
    for (pattern, format) in overrides.formats { words += ["--format", "\(pattern)=\(format)"] }
    for pattern in overrides.skipped { words += ["--skip", pattern] }
    if options.scaleType != .f16 { words += ["--scale-type", options.scaleType.rawValue] }
    if options.isSplit { words.append("--asymmetric") }
    if options.rank > 0 {
      words += ["--rank", "\(options.rank)", "--rank-metric", options.rankMetric.rawValue]
    }
    if input.centers { words.append("--center") }
    if let alpha = input.smoothing { words += ["--smooth", "\(alpha)"] }
    if input.hadamard > 1 { words += ["--hadamard", "\(input.hadamard)"] }
    if objective.order == .natural { words.append("--no-sort-channels") }
    if !objective.biasCorrection { words.append("--no-bias-correction") }
    if options.method == .adaround {
      words += ["--iterations", "\(options.adaRound.iterations)"]
      if !options.adaRound.scaleAware { words.append("--no-scale-aware") }
    }
    return words.joined(separator: " ")
  }
}
