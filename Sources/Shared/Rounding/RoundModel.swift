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
  /// The format is replaced by each layer's own.
  package var options: RoundingOptions
  /// The shard: layers that match this pattern.
  package var layerPattern: String?
  /// Whole blocks as units; nil: each layer by itself.
  package var reconstruction: ReconstructionOptions?
  package var reportPath: String?
  package var tracePath: String?
  package var isVerbose = false

  package init() throws { options = RoundingOptions(format: try NumberFormat("e2m1")) }

  package func run() throws {
    try options.check()
    let start = Date()
    let (tasks, source) = try plan()
    // Refused here, before the work, rather than after it.
    let result = try OutputFile(output)
    let trace = try tracePath.map { (file: try OutputFile($0), trace: RoundingTrace()) }
    let results: RoundingResults
    if let reconstruction {
      results = try BlockReconstruction(
        source: source, tasks: tasks, options: reconstruction,
        units: try RoundingUnit.shard(
          of: tasks.formats.keys, chosen: tasks.chosen, pattern: layerPattern ?? "*",
          inputs: reconstruction.inputs),
        trace: trace?.trace, isVerbose: isVerbose
      ).run()
    } else {
      results = try roundLayers(tasks, trace?.trace)
    }
    let (metadata, report) = (tasks.statistics.metadata, results.report)
    try CodesFile.write(
      results.coded, planned: tasks.formats.keys.sorted(), attention: recipe.attention,
      history: metadata.history + [command], model: metadata, to: result)
    try reportPath.map { try LayerReport.write(report, to: $0) }
    if let trace { try trace.trace.write(to: trace.file) }
    if isVerbose {
      Console.say(LayerReport.summary(report))
      let seconds = String(format: "%.1f", Date().timeIntervalSince(start))
      Console.say("\(report.count) layers, \(seconds) s, peak memory \(Memory.peakMegabytes) MB")
    }
  }

  /// Rounds each layer by itself, site by site.
  private func roundLayers(
    _ tasks: RoundingTasks, _ trace: RoundingTrace?
  ) throws -> RoundingResults {
    var results = RoundingResults()
    let progress = Progress("rounding", total: tasks.chosen.count, unit: "layers")
    try tasks.forEach { task in
      let listener = trace?.listener(task.layer)
      results.add(task, try round(task.problem, options: task.options, trace: listener))
      progress.advance()
    }
    progress.finish()
    return results
  }

  /// Opens what is named, and decides the formats.
  ///
  /// - Returns: the layers that are to be rounded, and the float model.
  /// - Throws: `Failure` when statistics and weights are not of one model, for a pattern that matches nothing, and for options that
  ///   a layer's format does not have.
  func plan() throws -> (tasks: RoundingTasks, source: TransformerSource) {
    let statistics = try StatisticsFile(self.statistics)
    let judge = try heldOut.map { try StatisticsFile($0) }
    let source = try floatModel(of: [statistics] + (judge.map { [$0] } ?? []))
    let layers = statistics.layers
    let formats = try chooseFormats(
      for: statistics.sites.flatMap { layers[$0] ?? [] }, recipe: recipe, overrides: overrides)
    for (_, format) in formats.sorted(by: { $0.key < $1.key }) {
      try options.of(format, inputs: 1).check()
    }
    let chosen = formats.keys.filter { layer in layerPattern.map { matches($0, layer) } ?? true }
    guard !chosen.isEmpty else {
      throw Failure("layers \(layerPattern ?? "*")", "expected to match a layer, matched none")
    }
    let tasks = RoundingTasks(
      statistics: statistics, judge: judge, weights: source.weights, formats: formats,
      chosen: Set(chosen), objective: objective, input: input, options: options)
    return (tasks, source)
  }

  /// The float model that the statistics were taken of.
  private func floatModel(of files: [StatisticsFile]) throws -> TransformerSource {
    let source = try TransformerSource(
      model ?? files[0].metadata.model(in: files[0].path, option: "--model"))
    let sha256 = try SHA256.hex(of: source.weights)
    for file in files where file.metadata.modelSHA256 != sha256 {
      throw Failure(
        file.path, "expected statistics of \(source.folder.path), found another model's")
    }
    return source
  }

  /// The canonical command line: what decides the codes, without files, threads and shards.
  private var command: String {
    var words = [
      "fpq-round", "--method", options.method.rawValue, "--recipe", recipe.rawValue,
      "--group-size", "\(options.groupSize)", "--scale", options.scaleSearch.rawValue,
      "--damping", "\(objective.damping)",
    ]
    for (pattern, format) in overrides.formats { words += ["--format", "\(pattern)=\(format)"] }
    for pattern in overrides.skipped { words += ["--skip", pattern] }
    if options.scaleType != .f16 { words += ["--scale-type", options.scaleType.rawValue] }
    if options.isSplit { words.append("--asymmetric") }
    if options.sharedBit != .nearest { words += ["--shared-bit", options.sharedBit.rawValue] }
    if input.centers { words.append("--center") }
    if let alpha = input.smoothing { words += ["--smooth", "\(alpha)"] }
    if input.hadamard > 1 { words += ["--hadamard", "\(input.hadamard)"] }
    if objective.order == .natural { words.append("--no-sort-channels") }
    if !objective.biasCorrection { words.append("--no-bias-correction") }
    if options.method == .adaround {
      words += ["--iterations", "\(options.adaRound.iterations)"]
      if !options.adaRound.scaleAware { words.append("--no-scale-aware") }
    }
    if let reconstruction { words += reconstruction.words(method: options.method) }
    return words.joined(separator: " ")
  }
}

extension ReconstructionOptions {
  /// The part of the command line that decides the codes.
  fileprivate func words(method: RoundingMethod) -> [String] {
    var words = [
      "--objective", "block", "--inputs", inputs.rawValue, "--samples", "\(samples)",
      "--batch-size", "\(batchSize)",
    ]
    if method == .descent {
      words += ["--iterations", "\(tuning.iterations)"]
      if tuning.tunesCodes { words.append("--tune-codes") }
    }
    if let activations { words += ["--tune-activations", "\(activations)"] }
    return words
  }
}
