import Calibration
import Formats
import Foundation
import Models
import Pipeline
import Platform
import Tensors

/// The stage of `fpq-round`: statistics and float weights in, codes and scales out.
package struct RoundModel {
  /// Statistics; `-`: stdin.
  package var input = "-"
  package var output = "-"
  /// The model folder, instead of where the statistics were taken.
  package var model: String?
  /// Statistics of other prompts, on which the result is only judged.
  package var heldOut: String?
  package var recipe = Recipe.balanced
  package var overrides = LayerOverrides()
  package var options = RoundingOptions()
  /// The shard: layers that match this pattern.
  package var layerPattern: String?
  package var reportPath: String?
  package var isVerbose = false

  package init() {}

  package func run() throws {
    let start = Date()
    let statistics = try StatisticsFile(input)
    let judge = try heldOut.map { try StatisticsFile($0) }
    let source = try TransformerSource(model ?? statistics.metadata.model)
    let weights = source.weights
    let sha256 = try SHA256.hex(of: weights)
    for file in [statistics, judge].compactMap({ $0 }) where file.metadata.modelSHA256 != sha256 {
      throw Failure(
        file.path, "expected statistics of \(source.folder.path), found another model's")
    }
    let formats = try chooseFormats(
      for: statistics.sites.flatMap { statistics.layers[$0] ?? [] }, recipe: recipe,
      overrides: overrides)
    let planned = formats.keys.sorted()
    let chosen = planned.filter { layer in layerPattern.map { matches($0, layer) } ?? true }
    guard !chosen.isEmpty else {
      throw Failure("layers \(layerPattern ?? "*")", "expected to match a layer, matched none")
    }
    // Refused here, before the work, rather than after it.
    let result = try OutputFile(output)

    var rounded: [String: RoundedLayer] = [:]
    var report: [LayerReport] = []
    let progress = Progress("rounding", total: chosen.count, unit: "layers")
    for site in statistics.sites {
      let layers = (statistics.layers[site] ?? []).filter(chosen.contains)
      if layers.isEmpty { continue }
      let objective = try SiteObjective(statistics.statistics(of: site), options: options)
      let judging = try judge.map { try SiteObjective($0.statistics(of: site), options: options) }
      for layer in layers {
        guard let format = formats[layer] else { continue }
        let began = Date()
        let weight = try matrix(of: weights.tensor("\(layer).weight"))
        let done = try round(
          weight, format: format, objective: objective, options: options,
          place: "\(weights.path): \(layer).weight")
        rounded[layer] = done
        report.append(
          LayerReport(
            layer: layer, format: format.name, outputs: weight.rows, inputs: weight.columns,
            tokens: objective.count, nearest: done.errorNearest, error: done.error,
            heldOut: judging?.relativeError(of: done, for: weight),
            heldOutNearest: judging?.relativeError(ofNearest: done, for: weight),
            changed: done.changedCodes, seconds: Date().timeIntervalSince(began)))
        progress.advance()
      }
    }
    progress.finish()
    try write(rounded, planned: planned, report: report, statistics: statistics, to: result)
    try reportPath.map { try LayerReport.write(report, to: $0) }
    if isVerbose {
      Console.say(LayerReport.summary(report))
      let seconds = String(format: "%.1f", Date().timeIntervalSince(start))
      Console.say("\(report.count) layers, \(seconds) s, peak memory \(Memory.peakMegabytes) MB")
    }
  }
}
