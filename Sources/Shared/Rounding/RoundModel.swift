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
  package var reportPath: String?
  package var isVerbose = false

  package init() throws { options = RoundingOptions(format: try NumberFormat("e2m1")) }

  package func run() throws {
    try options.check()
    let start = Date()
    let layers = try PlannedLayers(self)
    // Refused here, before the work, rather than after it.
    let result = try OutputFile(output)

    var coded: [String: CodedLayer] = [:]
    var report: [LayerReport] = []
    let progress = Progress("rounding", total: layers.chosen.count, unit: "layers")
    try layers.forEach { layer in
      let weight = layer.problem.weight
      let own = options.of(layer.format, inputs: weight.columns)
      let rounded = try round(layer.problem, options: own)
      coded[layer.name] = CodedLayer(
        rounded: rounded, entry: entry(own, site: layer.site, layer.prepared),
        siteTensors: layer.prepared.tensors(site: layer.site))
      report.append(
        LayerReport(
          layer: layer.name, rounded: rounded, outputs: weight.rows, inputs: weight.columns,
          tokens: layer.tokens,
          heldOut: layer.heldOut?.relativeError(of: rounded, for: layer.problem)))
      progress.advance()
    }
    progress.finish()
    let metadata = layers.statistics.metadata
    try CodesFile.write(
      coded, planned: layers.formats.keys.sorted(), attention: recipe.attention,
      history: metadata.history + [command], model: metadata, to: result)
    try reportPath.map { try LayerReport.write(report, to: $0) }
    if isVerbose {
      Console.say(LayerReport.summary(report))
      let seconds = String(format: "%.1f", Date().timeIntervalSince(start))
      Console.say("\(report.count) layers, \(seconds) s, peak memory \(Memory.peakMegabytes) MB")
    }
  }

  /// How a layer of `site` is stored.
  private func entry(
    _ options: RoundingOptions, site: String, _ prepared: SiteInput
  ) -> LayerFormats.Entry {
    var entry = LayerFormats.Entry(format: options.format, groupSize: options.groupSize)
    entry.scaleType = options.scaleType
    entry.isSplit = options.isSplit
    entry.site = prepared.tensors(site: site).isEmpty ? nil : site
    entry.hadamard = prepared.transform.hadamard
    entry.isNonnegative = prepared.isNonnegative
    return entry
  }

  /// The float weights that the statistics were taken of.
  func weights(for files: [StatisticsFile]) throws -> any TensorSource {
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
    return words.joined(separator: " ")
  }
}
