import Layers
import Models
import Pipeline
import Reconstruction
import Sampling
import StatsStage
import Streams
import Tensors
import TestSupport
import Testing

/// Samples on their way through blocks that read an earlier block's output.
struct SkipTests {
  /// The small Hunyuan-DiT with samples of its own.
  private func samples() throws -> (
    model: any DiffusionTransformer, samples: CalibrationSamples, folder: TemporaryFolder
  ) {
    let folder = try TemporaryFolder()
    var stage = CollectStatistics()
    stage.model = References.path("pipeline-hunyuan/pipeline")
    stage.prompts = ["a cat", "一张红苹果的照片"]
    stage.sampling.steps = 2
    (stage.sampling.width, stage.sampling.height) = (96, 128)
    stage.sampling.usesResolutionBinning = false
    stage.sampling.guidanceRescale = 0.5
    stage.output = folder.file("stats.safetensors")
    try stage.run()
    let source = try TransformerSource(stage.model)
    let statistics = try StatisticsFile(stage.output)
    let settings: CalibrationSettings? =
      if case .sampling(let settings) = statistics.run { settings } else { nil }
    #expect(settings?.guidanceRescale == 0.5)
    return (
      try source.transformer(),
      try CalibrationSamples(of: source, statistics: statistics, count: 100), folder
    )
  }

  /// The float stream is the model itself, block by block.
  @Test func `float stream is inference`() throws {
    let (model, samples, _) = try samples()
    #expect(samples.samples.count == 8)
    #expect(model.blocks.contains { $0.skipSource != nil })
    let stream = SampleStream(samples, model: model)
    for block in model.blocks { stream.advance(through: try TapedBlock(block)) }
    let name = try #require(model.blocks.last?.name)
    for (sample, hidden) in zip(samples.samples, stream.hidden) {
      let last = Output(of: name)
      _ = model.forward(
        sample.latents, timesteps: [sample.timestep],
        text: model.prepareText([samples.texts[sample.text]]), conditions: samples.conditions,
        observer: last)
      let largest = last.output.map(abs).max() ?? 0
      #expect(largestDifference(hidden.values, last.output) <= 1e-5 * largest)
    }
  }

  private final class Output: LayerObserver {
    private let name: String
    private(set) var output: [Float] = []

    init(of name: String) { self.name = name }

    func observe(_ layers: [LayerRole], input: Matrix, samples: Int, valid: [Bool]?) {}
    func observe(module: String, output: Matrix) {
      if module == name { self.output = output.values }
    }
  }
}
