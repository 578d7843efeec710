import Calibration
import Formats
import Foundation
import Gradients
import Models
import Pipeline
import Platform
import Tensors

/// Rounds a model in the order in which the network computes it, on calibration samples that pass through what is rounded already.
///
/// Blocks are rounded as wholes, by what their outputs lose, or layer by layer with weights that make up for the layers before; layers
/// outside the blocks by their statistics.
struct SequentialRounding {
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
        let (block, layers) = (model.blocks[index], Set(layers))
        if options.isByBlock {
          try round(block, layers: layers, own, split, progress, &results)
        } else {
          try roundLayers(of: block, layers: layers, own, progress, &results)
        }
      }
    }
    progress.finish()
    return results
  }

  private func iterations(of unit: RoundingUnit) -> Int {
    guard case .block(_, let layers) = unit else { return 1 }
    guard options.isByBlock else { return layers.count }
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

  /// Rounds the sites of `block` one after the other.
  private func roundLayers(
    of block: PixArtBlock, layers: Set<String>, _ streams: SampleStreams,
    _ progress: Platform.Progress, _ results: inout RoundingResults
  ) throws {
    let pair = try BlockPair(block)
    var sites: [String] = []
    for linear in pair.float.linears {
      guard let site = tasks.statistics.site(of: linear.name), !sites.contains(site) else {
        continue
      }
      sites.append(site)
      let read = (tasks.statistics.layers[site] ?? []).filter(layers.contains)
      guard !read.isEmpty else { continue }
      let correction = streams.correction(of: linear.name, in: pair)
      for task in try tasks.tasks(of: site, chosen: layers, correction: correction) {
        let rounded = try Rounding.round(
          task.problem, options: task.options, trace: trace?.listener(task.layer))
        results.add(task, rounded)
        pair.set(rounded, of: task)
        progress.advance()
      }
    }
    streams.pass(pair)
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
