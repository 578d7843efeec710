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
  /// What the arguments name.
  package var files = RunFiles()
  /// The model folder, instead of where the statistics were taken.
  package var model: String?
  package var folderOptions = ModelFolder.Options()
  /// Statistics of other prompts, on which the result is only judged.
  package var heldOut: String?
  package private(set) var settings: RoundingSettings
  /// The shard: layers that match this pattern.
  package var layerPattern: String?
  package var reportPath: String?
  package var tracePath: String?
  /// Where the text states come from, when inputs of the network are made again.
  package var text = TextOptions()
  /// Keep finished layers in `<output>.resume`, and take those that an earlier run has kept.
  package var resumes = false
  package var isVerbose = false

  package init(_ settings: RoundingSettings) { self.settings = settings }

  package mutating func run() throws {
    let start = Date()
    let (tasks, source) = try open()
    try run(tasks, source, since: start)
  }

  /// Of settings that are complete.
  private func run(
    _ tasks: RoundingTasks, _ source: TransformerSource?, since start: Date
  ) throws {
    try certain(tasks).check()
    let result = try OutputFile(output)
    let trace = try tracePath.map { (file: try OutputFile($0), trace: RoundingTrace()) }
    var layers = CodedLayers()
    var report: [LayerReport.Row] = []
    func add(_ finished: [FinishedLayer]) {
      layers.add(finished.coded)
      report += finished.map(LayerReport.Row.init)
    }
    let history = tasks.statistics.metadata.history + [settings.command]
    func write(_ layers: CodedLayers, _ others: [String: String], _ file: OutputFile) throws {
      try CodesFile.write(
        layers, planned: tasks.formats.keys.sorted(), attention: settings.recipe.attention,
        history: history, model: tasks.statistics.metadata, others: others, to: file)
    }
    let kept = try resumes ? keptSites(tasks, write) : nil
    if let reconstruction = settings.reconstruction {
      guard let source else { preconditionFailure("no transformer to run") }
      try add(
        SequentialRounding(
          source: source, tasks: tasks, options: reconstruction, text: text,
          units: try RoundingUnit.shard(
            of: tasks.statistics.roles.all.filter { tasks.formats[$0.name] != nil },
            chosen: tasks.chosen, pattern: layerPattern ?? "*",
            options: reconstruction),
          trace: trace?.trace, isVerbose: isVerbose
        ).run())
    } else {
      let progress = Progress("rounding", total: tasks.chosen.count, unit: "layers")
      for site in tasks.statistics.sites {
        if let earlier = try kept?.find(site) {
          layers.add(earlier.layers)
          report += earlier.report
          progress.advance(earlier.report.count)
          continue
        }
        let finished = try tasks.tasks(of: site, chosen: tasks.chosen).map { task in
          defer { progress.advance() }
          return try finish(task, of: tasks, trace: trace?.trace.listener(task.layer))
        }
        if let kept, !finished.isEmpty {
          // Those of a large model are as large as it is: they stay in the file.
          let own = try kept.keep((finished.coded, finished.map(LayerReport.Row.init)), as: site)
          layers.add(own.layers)
          report += own.report
        } else {
          add(finished)
        }
      }
      progress.finish()
    }
    try write(layers, [:], result)
    try reportPath.map { try LayerReport.write(report, to: $0) }
    if let trace { try trace.trace.write(to: trace.file) }
    kept?.remove()
    if isVerbose {
      Console.say(LayerReport.summary(report, tasks.statistics.roles))
      RoundModel.say(layers: report.count, since: start)
    }
  }

  /// What layers depend on: the statistics, by what they were taken of, the settings, and which
  /// layers there are.
  private func keptSites(
    _ tasks: RoundingTasks,
    _ writing: @escaping (CodedLayers, [String: String], OutputFile) throws -> Void
  ) throws -> RoundedSites {
    let files = [tasks.statistics, tasks.judge].compactMap(\.self)
    let inputs = files.flatMap { file in
      file.metadata.dictionary.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    }
    return try RoundedSites(
      beside: output, sites: tasks.statistics.sites,
      dependingOn: inputs + [settings.command] + tasks.chosen.sorted(), writing: writing)
  }

  /// Prints what the work on so many layers took.
  static func say(layers: Int, since start: Date) {
    let seconds = String(format: "%.1f", Date().timeIntervalSince(start))
    Console.say("\(layers) layers, \(seconds) s, \(Memory.summary)")
  }

  /// Rounds a layer by itself.
  func finish(
    _ task: RoundingTask, of tasks: RoundingTasks, trace: RoundingTrace.Listener?
  ) throws -> FinishedLayer {
    let first = try finish(task, task.options, trace: trace)
    let finer = try finerFormat(of: tasks, task, error: first.error)
    return try finer.map { try finish(task, task.options.of([$0]), trace: nil) } ?? first
  }

  /// Opens what is named, and decides the formats.
  ///
  /// - Returns: the layers that are to be rounded, and the float model if they are of its
  ///   transformer.
  /// - Throws: `Failure` when statistics and weights are not of one model, for a pattern that
  ///   matches nothing, and for options that a layer's format does not have.
  mutating func open() throws -> (tasks: RoundingTasks, source: TransformerSource?) {
    let statistics = try StatisticsFile(self.statistics)
    let isOfText = statistics.metadata.part != ModelFolder.transformerPart
    settings.damping =
      settings.damping
      ?? (isOfText ? RoundingSettings.textDamping : ObjectiveOptions().damping)
    let judge = try heldOut.map { try StatisticsFile($0) }
    let formats = try settings.formats(for: statistics.roles.all, ofText: isOfText)
    let options = try settings.rounding()
    for (_, formats) in formats.sorted(by: { $0.key < $1.key }) {
      try options.of(formats).check()
    }
    // In the order of the network.
    let chosen = statistics.roles.all.map(\.name).filter { layer in
      formats[layer] != nil && layerPattern.map { matches($0, layer) } ?? true
    }
    guard !chosen.isEmpty else {
      throw Failure("layers \(layerPattern ?? "*")", "expected to match a layer, matched none")
    }
    guard settings.reconstruction == nil || !isOfText else {
      throw Failure(
        statistics.path,
        "expected statistics of a transformer for --inputs quantized and --objective block, found "
          + "those of a \(statistics.metadata.part)")
    }
    let (weights, source) = try floatModel(
      of: [statistics] + (judge.map { [$0] } ?? []), layers: chosen)
    let tasks = RoundingTasks(
      statistics: statistics, judge: judge, weights: weights, formats: formats,
      chosen: Set(chosen), objective: settings.objective, input: settings.input,
      options: options, activationBits: settings.activationBits)
    return (tasks, source)
  }

  /// The float part that the statistics were taken of; its model where it is the transformer.
  ///
  /// - Parameters:
  ///   - statistics: files of them.
  ///   - layers: that are to be rounded.
  /// - Returns: both.
  /// - Throws: `Failure` when they are not of one model, or an output is one of its files.
  private func floatModel(
    of statistics: [StatisticsFile], layers: [String]
  ) throws -> (weights: any TensorSource, source: TransformerSource?) {
    let part = statistics[0].metadata.part
    let (path, options) = try statistics[0].metadata.model(
      in: statistics[0].path, instead: model, folderOptions)
    let isTransformer = part == ModelFolder.transformerPart
    let source = isTransformer ? try TransformerSource(path, options) : nil
    let folder = try source?.folder ?? ModelFolder(path, options)
    try files.check(notAmong: folder.files, of: "--model")
    let weights = try source?.weights ?? folder.weights(part)
    try checkRank(layers, in: weights)
    let sha256 = try SHA256.hex(of: weights)
    for file in statistics {
      try file.metadata.check(part: part, in: file.path)
      guard file.metadata.modelSHA256 == sha256 else {
        throw Failure(file.path, "expected statistics of \(path), found another model's")
      }
    }
    return (weights, source)
  }

  /// Refuses a branch of a higher rank than one of `layers` has.
  private func checkRank(_ layers: [String], in weights: any TensorSource) throws {
    guard let rank = settings.rank else { return }
    for layer in layers {
      let weight = try weights.tensor("\(layer).weight")
      if let highest = weight.shape.min(), rank > highest {
        throw Failure(
          weight.place, "expected a rank of at most \(highest) for --rank, found \(rank)")
      }
    }
  }

  private func finish(
    _ task: RoundingTask, _ options: RoundingOptions, trace: RoundingTrace.Listener?
  ) throws -> FinishedLayer {
    let task = task.with(options)
    return FinishedLayer(task, try round(task.problem, options: task.options, trace: trace))
  }

  /// The format that a text encoder's layer gets instead when the one it has loses too much; nil:
  /// the one it has will do.
  private func finerFormat(
    of tasks: RoundingTasks, _ task: RoundingTask, error: OutputError
  ) throws -> NumberFormat? {
    guard tasks.statistics.metadata.part != ModelFolder.transformerPart,
      let finer = settings.finer(for: task.role), let error = error.value, error > finer.above
    else { return nil }
    let format = try NumberFormat(finer.format)
    Console.say(
      String(
        format: "%@: loses %.2g of its output at %d bits, kept in %@", task.layer, error,
        task.options.layout.format.bits, format.name))
    return format
  }
}

extension [FinishedLayer] {
  fileprivate var coded: CodedLayers {
    CodedLayers(Dictionary(uniqueKeysWithValues: map { ($0.role.name, $0.coded) }))
  }
}
