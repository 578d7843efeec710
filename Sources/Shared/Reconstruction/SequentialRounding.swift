import Formats
import Foundation
import Gradients
import Layers
import Models
import Pipeline
import Platform
import Rounding
import Sampling
import Streams
import Tensors

/// Rounds a model in the order in which the network computes it, on calibration samples that pass
/// through what is rounded already.
///
/// Blocks are rounded as wholes, by what their outputs lose, or layer by layer with weights that
/// make up for the layers before; layers outside the blocks by their statistics.
package struct SequentialRounding {
  private let source: TransformerSource
  private let tasks: RoundingTasks
  private let options: ReconstructionOptions
  private let text: TextOptions
  private let units: [RoundingUnit]
  private let trace: RoundingTrace?
  private let isVerbose: Bool

  /// - Parameters:
  ///   - source: the float model.
  ///   - tasks: its layers.
  ///   - options: what is rounded together, on what.
  ///   - text: where the text states of the samples come from.
  ///   - units: of this shard, in execution order.
  ///   - trace: where losses are written down as they fall.
  ///   - isVerbose: whether each block's losses are printed.
  package init(
    source: TransformerSource, tasks: RoundingTasks, options: ReconstructionOptions,
    text: TextOptions, units: [RoundingUnit], trace: RoundingTrace?, isVerbose: Bool
  ) {
    (self.source, self.tasks, self.options) = (source, tasks, options)
    (self.text, self.units, self.trace, self.isVerbose) = (text, units, trace, isVerbose)
  }

  /// Rounds all units of the shard.
  ///
  /// - Throws: `Failure` for what is missing or does not fit, and for a layer that the model's
  ///   graph does not have.
  package func run() throws -> [FinishedLayer] {
    let model = try source.transformer()
    // Refused here, before the work, rather than after it.
    let known = Set(model.linears.map(\.role))
    if let other = units.flatMap(\.layers).first(where: { !known.contains($0) }) {
      throw Failure(
        tasks.statistics.path, "expected layers of \(model.path), found \(other.name)")
    }
    let samples = try CalibrationSamples(
      of: source, statistics: tasks.statistics, count: options.samples, text: text)
    let split = SampleSplit(samples.samples)
    let progress = Progress(
      "rounding", total: units.reduce(0) { $0 + iterations(of: $1) }, unit: "iterations")
    var results: [FinishedLayer] = []
    var streams: SampleStreams?
    for unit in units {
      switch unit {
      case .layer(let role):
        try round(role, &results)
        progress.advance()
      case .block(let name, let roles):
        // What comes before the blocks is rounded by now.
        let own = try streams ?? makeStreams(samples, model, results)
        streams = own
        guard let index = model.blocks.firstIndex(where: { $0.name == name }) else {
          throw Failure(tasks.statistics.path, "expected layers of \(model.path), found \(name)")
        }
        try own.advance(to: index, of: model.blocks)
        let (block, layers) = (model.blocks[index], Set(roles.map(\.name)))
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
    _ samples: CalibrationSamples, _ model: any DiffusionTransformer, _ results: [FinishedLayer]
  ) throws -> SampleStreams {
    let float = SampleStream(samples, model: model)
    switch options.feed {
    case .full: return SampleStreams(float: float, rounded: nil)
    case .quantized where results.isEmpty:
      return SampleStreams(float: float, rounded: SampleStream(float))
    case .quantized:
      let weights = try RoundedWeights(source.weights, layers: results)
      let rounded = try source.transformer(reading: weights)
      return SampleStreams(float: float, rounded: SampleStream(samples, model: rounded))
    }
  }

  /// Rounds the sites of `block` one after the other.
  private func roundLayers(
    of block: any TransformerBlock, layers: Set<String>, _ streams: SampleStreams,
    _ progress: Platform.Progress, _ results: inout [FinishedLayer]
  ) throws {
    let pair = try BlockPair(block)
    var sites: [String] = []
    for role in block.linears.map(\.role) where !sites.contains(role.site) {
      sites.append(role.site)
      let readers = tasks.statistics.roles.readers(of: role.site)
      guard readers.contains(where: { layers.contains($0.name) }) else { continue }
      let correction = try streams.correction(of: role, in: pair)
      for task in try tasks.tasks(of: role.site, chosen: layers, correction: correction) {
        let rounded = try Rounding.round(
          task.problem, options: task.options, trace: trace?.listener(task.layer))
        results.append(FinishedLayer(task, rounded))
        pair.set(rounded, of: task)
        progress.advance()
      }
    }
    streams.pass(pair)
  }

  private func round(_ role: LayerRole, _ results: inout [FinishedLayer]) throws {
    for task in try tasks.tasks(of: role.site, chosen: [role.name]) {
      let rounded = try Rounding.round(
        task.problem, options: task.options, trace: trace?.listener(role.name))
      results.append(FinishedLayer(task, rounded))
    }
  }

  private func round(
    _ block: any TransformerBlock, layers: Set<String>, _ streams: SampleStreams,
    _ split: SampleSplit,
    _ progress: Platform.Progress, _ results: inout [FinishedLayer]
  ) throws {
    let start = Date()
    let tasks = try self.tasks.statistics.sites.flatMap {
      try self.tasks.tasks(of: $0, chosen: layers)
    }
    let sides = try streams.sides(of: block)
    let unit = try BlockUnit(
      block, tasks: tasks, activations: options.activations, inputs: sides.inputs,
      targets: sides.targets, split: split)
    let rounded = try Reconstruction.round(
      unit, options: options, listener: trace?.listener(block.name)
    ) { progress.advance() }
    results += zip(unit.linears, rounded.layers).map { FinishedLayer($0.task, $1) }
    if isVerbose {
      let seconds = String(format: "%.1f", Date().timeIntervalSince(start))
      Console.say("\(block.name): \(rounded.summary), \(seconds) s")
    }
    try streams.pass(unit, targets: sides.targets)
  }
}
