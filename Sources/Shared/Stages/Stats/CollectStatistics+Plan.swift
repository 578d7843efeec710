import Calibration
import Layers
import Models
import Pipeline
import Platform
import Sampling
import Streams
import Tensors

extension CollectStatistics {
  /// What the run will read, write and take.
  ///
  /// - Throws: `Failure` for what the run itself would refuse when it opens its inputs.
  package func plan() throws -> RunPlan {
    let source = try open()
    let pipeline = try TextToImage(source, options: sampling)
    let numbers = try promptShard(of: prompts.count, skip: skip, limit: limit)
    let encoding = try source.textEncoding(text)
    var plan = try certain(pipeline)
    encoding.read(text, in: &plan)
    try source.folder.read([ModelFolder.transformerPart], in: &plan)
    let negative = pipeline.isGuided ? [sampling.negativePrompt] : []
    for (part, seconds) in try encoding.seconds(
      negative + numbers.map { prompts[$0] }, inputs: pipeline.transformer.textInputs,
      options: text)
    {
      plan.takes(part, seconds)
    }
    let collector = StatisticsCollector(
      tokensPerSample: tokensPerSample, steps: pipeline.steps, resumed: [],
      watched: Set(LayerRoles(try watchedLayers(pipeline).map(\.role)).observedSites))
    collector.step = 0
    let step = pipeline.stepSeconds(tokens: encoding.usualTokens, observer: collector)
    plan.takes(
      "\(numbers.count) x \(pipeline.steps) steps", step, times: numbers.count * pipeline.steps)
    return plan
  }

  /// What is certain of the run of `pipeline`.
  func certain(_ pipeline: TextToImage) throws -> RunPlan {
    let bytes = try watchedLayers(pipeline).statisticsBytes(steps: pipeline.steps)
    var plan = RunPlan()
    plan.writes(output, bytes: bytes, "")
    if resumes { plan.writes("\(output).resume", bytes: bytes, "while running") }
    plan.holds(bytes)
    return plan
  }
}

extension [Linear] {
  /// Bytes of the statistics of their sites.
  func statisticsBytes(steps: Int) -> Int {
    var seen: Set<String> = []
    return reduce(0) { sum, layer in
      let role = layer.role
      guard role.kind != .tokenEmbedding, seen.insert(role.statistics).inserted else { return sum }
      return sum + StatisticsFile.bytes(channels: layer.inputs, steps: steps)
    }
  }
}
