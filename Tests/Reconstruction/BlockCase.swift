import Formats
import Layers
import Models
import Pipeline
import Reconstruction
import Rounding
import Sampling
import StatsStage
import Streams
import Tensors
import TestSupport

/// The example model with statistics of six prompts and three steps, and its blocks as units to be
/// rounded.
struct BlockCase {
  let statistics: StatisticsFile
  let source: TransformerSource
  let model: any DiffusionTransformer
  /// All 36 (prompt, step, half).
  let samples: CalibrationSamples
  private let folder: TemporaryFolder

  // Swift makes a static once, whichever test comes first; a failure is thrown in each. Only read
  // once made.
  nonisolated(unsafe) private static let made = Result { try BlockCase() }
  static func shared() throws -> BlockCase { try made.get() }

  private init() throws {
    folder = try TemporaryFolder()
    var stage = CollectStatistics()
    stage.model = References.exampleModel
    stage.prompts = ["red apple", "frog", "black heart", "wolf", "sun", "christmas tree"]
    stage.sampling.steps = 3
    stage.seed = 5
    stage.output = folder.file("stats.safetensors")
    try stage.run()
    statistics = try StatisticsFile(stage.output)
    source = try TransformerSource(References.exampleModel)
    model = try source.transformer()
    samples = try CalibrationSamples(of: source, statistics: statistics, count: 1000)
  }

  /// How a unit is made.
  struct Setting {
    var method = RoundingMethod.adaround
    var format = "e2m1"
    var iterations = 150
    /// So large that all weights are decided by then.
    var learningRate = 0.25
    var objective = ObjectiveOptions()
    var input = PreparationOptions()
    var activations: ActivationFormat?
    /// Layers of the block that are quantized: all, or those with this ending.
    var ending = ""
    var scaleSearch = ScaleSearch.output
    var isScaleAware = true
  }

  func layers(of block: Int, _ setting: Setting = Setting()) -> Set<String> {
    Set(
      statistics.roles.all.filter {
        $0.block == "transformer_blocks.\(block)" && $0.name.hasSuffix(setting.ending)
      }.map(\.name))
  }

  func tasks(of block: Int, _ setting: Setting) throws -> [RoundingTask] {
    let format = try NumberFormat(setting.format)
    let layers = layers(of: block, setting)
    var options = RoundingOptions(WeightLayout(format))
    options.method = setting.method
    options.scaleSearch = setting.scaleSearch
    options.adaRound.iterations = setting.iterations
    options.adaRound.learningRate = setting.learningRate
    options.adaRound.scaleAware = setting.isScaleAware
    let tasks = RoundingTasks(
      statistics: statistics, weights: source.weights,
      formats: Dictionary(uniqueKeysWithValues: layers.map { ($0, [format]) }), chosen: layers,
      objective: setting.objective, input: setting.input, options: options)
    return try statistics.sites.flatMap { try tasks.tasks(of: $0, chosen: layers) }
  }

  /// Block `block`, fed with what the float model gives it.
  func unit(_ block: Int, _ setting: Setting = Setting()) throws -> BlockUnit {
    let streams = SampleStreams(float: SampleStream(samples, model: model), rounded: nil)
    try streams.advance(to: block, of: model.blocks)
    let sides = try streams.sides(of: model.blocks[block])
    return try BlockUnit(
      model.blocks[block], tasks: tasks(of: block, setting), activations: setting.activations,
      inputs: sides.inputs, targets: sides.targets, split: SampleSplit(samples.samples))
  }

  /// The unit's layers, each rounded by itself.
  static func round(_ unit: BlockUnit, _ method: RoundingMethod) throws -> [RoundedLayer] {
    try unit.linears.map { linear in
      var options = linear.task.options
      options.method = method
      return try Rounding.round(linear.task.problem, options: options)
    }
  }
}
