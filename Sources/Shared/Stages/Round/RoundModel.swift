import Formats
import Foundation
import Kernels
import Pipeline
import Platform
import Reconstruction
import Rounding
import Sampling
import Streams
import Tensors

/// The stage of `fpq-round`: statistics and float weights in, codes and scales out.
package struct RoundModel {
  /// Statistics; `-`: stdin.
  package var statistics = "-"
  package var output = "-"
  /// The model folder, instead of where the statistics were taken.
  package var model: String?
  package var folderOptions = ModelFolder.Options()
  /// Statistics of other prompts, on which the result is only judged.
  package var heldOut: String?
  package let settings: RoundingSettings
  /// The shard: layers that match this pattern.
  package var layerPattern: String?
  package var reportPath: String?
  package var tracePath: String?
  /// Where the text states come from, when inputs of the network are made again.
  package var text = TextOptions()
  package var isVerbose = false

  package init(_ settings: RoundingSettings) { self.settings = settings }

  package func run() throws {
    let start = Date()
    let (tasks, source) = try plan()
    // Refused here, before the work, rather than after it.
    let result = try OutputFile(output)
    let trace = try tracePath.map { (file: try OutputFile($0), trace: RoundingTrace()) }
    let finished: [FinishedLayer]
    if let reconstruction = settings.reconstruction {
      finished = try SequentialRounding(
        source: source, tasks: tasks, options: reconstruction, text: text,
        units: try RoundingUnit.shard(
          of: tasks.statistics.roles.all.filter { tasks.formats[$0.name] != nil },
          chosen: tasks.chosen, pattern: layerPattern ?? "*",
          options: reconstruction),
        trace: trace?.trace, isVerbose: isVerbose
      ).run()
    } else {
      finished = try roundLayers(tasks, trace?.trace)
    }
    let metadata = tasks.statistics.metadata
    try CodesFile.write(
      Dictionary(uniqueKeysWithValues: finished.map { ($0.role.name, $0.coded) }),
      planned: tasks.formats.keys.sorted(), attention: settings.recipe.attention,
      history: metadata.history + [settings.command], model: metadata, to: result)
    try reportPath.map { try LayerReport.write(finished, to: $0) }
    if let trace { try trace.trace.write(to: trace.file) }
    if isVerbose {
      Console.say(LayerReport.summary(finished))
      RoundModel.say(layers: finished.count, since: start)
    }
  }

  /// Prints what the work on so many layers took.
  static func say(layers: Int, since start: Date) {
    let seconds = String(format: "%.1f", Date().timeIntervalSince(start))
    Console.say("\(layers) layers, \(seconds) s, \(Memory.summary)")
  }

  /// Rounds each layer by itself, site by site.
  private func roundLayers(
    _ tasks: RoundingTasks, _ trace: RoundingTrace?
  ) throws -> [FinishedLayer] {
    var finished: [FinishedLayer] = []
    let progress = Progress("rounding", total: tasks.chosen.count, unit: "layers")
    try tasks.forEach { task in
      let listener = trace?.listener(task.layer)
      finished.append(
        FinishedLayer(task, try round(task.problem, options: task.options, trace: listener)))
      progress.advance()
    }
    progress.finish()
    return finished
  }

  /// Opens what is named, and decides the formats.
  ///
  /// - Returns: the layers that are to be rounded, and the float model.
  /// - Throws: `Failure` when statistics and weights are not of one model, for a pattern that
  ///   matches nothing, and for options that a layer's format does not have.
  func plan() throws -> (tasks: RoundingTasks, source: TransformerSource) {
    let statistics = try StatisticsFile(self.statistics)
    let judge = try heldOut.map { try StatisticsFile($0) }
    let source = try floatModel(of: [statistics] + (judge.map { [$0] } ?? []))
    let formats = try settings.formats(for: statistics.roles.all)
    let options = try settings.rounding()
    for (_, formats) in formats.sorted(by: { $0.key < $1.key }) {
      try options.of(formats).check()
    }
    let chosen = formats.keys.filter { layer in layerPattern.map { matches($0, layer) } ?? true }
    guard !chosen.isEmpty else {
      throw Failure("layers \(layerPattern ?? "*")", "expected to match a layer, matched none")
    }
    let tasks = RoundingTasks(
      statistics: statistics, judge: judge, weights: source.weights, formats: formats,
      chosen: Set(chosen), objective: settings.objective, input: settings.input,
      options: options, activationBits: settings.activationBits)
    return (tasks, source)
  }

  /// The float model that the statistics were taken of.
  private func floatModel(of files: [StatisticsFile]) throws -> TransformerSource {
    let (path, options) = try files[0].metadata.model(
      in: files[0].path, instead: model, folderOptions)
    let source = try TransformerSource(path, options)
    let sha256 = try SHA256.hex(of: source.weights)
    for file in files where file.metadata.modelSHA256 != sha256 {
      throw Failure(
        file.path, "expected statistics of \(source.folder.path), found another model's")
    }
    return source
  }
}
