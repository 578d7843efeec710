import Calibration
import Formats
import Foundation
import Gradients
import Models
import Pipeline
import Platform
import Tensors

/// Rounds a model unit by unit: whole blocks by what their outputs lose on calibration samples, other layers by their statistics.
///
/// Units come in the order in which the network computes them, so that a block can be fed with what the rounded units before it give.
struct BlockReconstruction {
  let source: TransformerSource
  let tasks: RoundingTasks
  let options: ReconstructionOptions
  /// The units of this shard, in execution order.
  let units: [RoundingUnit]
  let trace: RoundingTrace?
  let isVerbose: Bool

  /// Rounds all units of the shard.
  ///
  /// - Throws: `Failure` for what is missing or does not fit.
  func run() throws -> RoundingResults {
    let samples = try CalibrationSamples(
      of: source, statistics: tasks.statistics, count: options.samples)
    let model = try source.transformer()
    let split = SampleSplit(samples.samples)
    let progress = Progress(
      "rounding", total: units.reduce(0) { $0 + iterations(of: $1) }, unit: "iterations")
    var results = RoundingResults()
    var streams: SampleStreams?
    for unit in units {
      switch unit {
      case .layer(let name):
        try round(name, &results)
        progress.advance()
      case .block(let index, let layers):
        // What comes before the blocks is rounded by now.
        let own = try streams ?? makeStreams(samples, model, results)
        streams = own
        try own.advance(to: index, of: model.blocks)
        try round(
          model.blocks[index], layers: Set(layers), own, split, progress, &results)
      }
    }
    progress.finish()
    return results
  }

  private func iterations(of unit: RoundingUnit) -> Int {
    guard case .block = unit else { return 1 }
    return tasks.options.method == .adaround
      ? tasks.options.adaRound.iterations : options.tuning.iterations
  }

  private func makeStreams(
    _ samples: CalibrationSamples, _ model: PixArtTransformer, _ results: RoundingResults
  ) throws -> SampleStreams {
    let float = SampleStream(samples, model: model)
    switch options.inputs {
    case .full: return SampleStreams(float: float, rounded: nil)
    case .quantized where results.coded.isEmpty:
      return SampleStreams(float: float, rounded: SampleStream(float))
    case .quantized:
      let weights = try RoundedWeights(
        source.weights, layers: results.coded.mapValues { ($0.rounded, $0.transform) })
      let rounded = try PixArtTransformer(config: source.config, weights: weights)
      return SampleStreams(float: float, rounded: SampleStream(samples, model: rounded))
    }
  }

  private func round(_ layer: String, _ results: inout RoundingResults) throws {
    guard let site = tasks.statistics.site(of: layer) else { return }
    for task in try tasks.tasks(of: site, chosen: [layer]) {
      results.add(
        task,
        try Rounding.round(task.problem, options: task.options, trace: trace?.listener(layer)))
    }
  }

  private func round(
    _ block: PixArtBlock, layers: Set<String>, _ streams: SampleStreams, _ split: SampleSplit,
    _ progress: Platform.Progress, _ results: inout RoundingResults
  ) throws {
    let start = Date()
    let tasks = try self.tasks.statistics.sites.flatMap {
      try self.tasks.tasks(of: $0, chosen: layers)
    }
    let sides = try streams.sides(of: block)
    let unit = try BlockUnit(
      block, tasks: tasks, activations: options.activations, inputs: sides.inputs,
      targets: sides.targets, split: split)
    let rounded = try Rounding.round(
      unit, options: options, listener: trace?.listener(block.name)
    ) { progress.advance() }
    for (linear, layer) in zip(unit.linears, rounded.layers) { results.add(linear.task, layer) }
    if isVerbose {
      let seconds = String(format: "%.1f", Date().timeIntervalSince(start))
      Console.say("\(block.name): \(rounded.summary), \(seconds) s")
    }
    try streams.pass(unit, targets: sides.targets)
  }
}
