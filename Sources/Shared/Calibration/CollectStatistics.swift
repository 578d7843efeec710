import Foundation
import Pipeline
import Platform
import Sampling
import Tensors

/// The stage of `fpq-stats`: runs the float model's own sampler on prompts and sums up what its layers see.
package struct CollectStatistics {
  package var model = ""
  package var prompts: [String] = []
  package var sampling = SamplingOptions()
  package var promptLength: Int?
  package var seed: UInt64 = 0
  package var tokensPerSample = 256
  /// The shard: prompts `skip ..< skip + limit` of the list, numbered as in the whole list.
  package var skip = 0
  package var limit: Int?
  package var output = "-"
  /// Keep `<output>.resume` up to date and continue from it.
  package var resumes = false
  /// Prompts between two writes of the resume file.
  package var resumeInterval = 4
  package var isVerbose = false

  package init() {}

  package func run() throws {
    let start = Date()
    guard skip < prompts.count else {
      throw Failure("skip \(skip)", "expected less than the \(prompts.count) prompts")
    }
    let end = min(prompts.count, skip + min(limit ?? prompts.count, prompts.count))
    let source = try TransformerSource(model)
    if source.packed != nil {
      throw Failure(source.weights.path, "expected a float model, found a packed one")
    }
    let pipeline = try TextToImage(source, options: sampling)
    let settings = CalibrationSettings(
      steps: sampling.steps, guidanceScale: Double(sampling.guidanceScale), seed: seed,
      width: pipeline.sampled.width, height: pipeline.sampled.height,
      scheduler: try pipeline.schedulerName(), negativePrompt: sampling.negativePrompt,
      tokensPerSample: tokensPerSample, promptLength: promptLength)
    let sha256 = try SHA256.hex(of: source.weights)
    // Refused here, before hours of work, rather than at the first write.
    let result = try OutputFile(output)

    let checkpoint = ResumeFile(path: "\(output).resume", interval: resumeInterval)
    var done: [Int: String] = [:]
    var resumed: [SiteStatistics] = []
    if resumes, let earlier = try checkpoint.open(settings: settings, modelSHA256: sha256) {
      done = earlier.prompts
      resumed = try earlier.sites.map(earlier.statistics)
      Console.say("resuming after \(done.count) prompts")
    }
    let collector = StatisticsCollector(
      tokensPerSample: tokensPerSample, steps: sampling.steps, resumed: resumed)
    collector.batch = sampling.guidanceScale > 1 ? 2 : 1
    func write(to file: OutputFile) throws {
      let sites = collector.sites.values.sorted { $0.site < $1.site }
      let metadata = StatisticsFile.metadata(
        model: model, sha256: sha256, settings: settings,
        layers: Dictionary(uniqueKeysWithValues: sites.map { ($0.site, $0.layers) }), prompts: done)
      try SafetensorsWriter.write(
        sites.flatMap(StatisticsFile.entries), metadata: metadata.dictionary, to: file)
      try file.commit()
    }

    let states = try PromptEncoder(source.folder, promptLength: promptLength)
      .encode([sampling.negativePrompt] + prompts[skip..<end])
    let progress = Progress("statistics", total: end - skip, unit: "prompts")
    for number in skip..<end where done[number] == nil {
      let prompt = prompts[number]
      guard let text = states[prompt], let negative = states[sampling.negativePrompt] else {
        continue
      }
      collector.prompt = number
      let generator = TorchGenerator(seed: seed &+ UInt64(number))
      _ = try pipeline.denoise(
        latents: pipeline.initialLatents(generator), prompt: text, negative: negative,
        generator: generator, observer: collector
      ) { collector.step = $0?.index }
      collector.finishPrompt()
      guard collector.sites.values.allSatisfy(\.isFinite) else {
        throw source.weights.notFinite("activations for \(prompt)")
      }
      done[number] = prompt
      progress.advance()
      if resumes, done.count % resumeInterval == 0 { try write(to: OutputFile(checkpoint.path)) }
    }
    progress.finish()
    try write(to: result)
    if resumes { checkpoint.remove() }
    if isVerbose {
      let seconds = String(format: "%.1f", Date().timeIntervalSince(start))
      Console.say(
        "\(done.count) prompts, \(collector.sites.count) sites, \(seconds) s, peak memory \(Memory.peakMegabytes) MB"
      )
    }
  }
}

/// Where a run keeps what it has so far, to be continued after a kill: a statistics file beside the output.
private struct ResumeFile {
  let path: String
  let interval: Int

  /// The earlier run's statistics; nil when there are none.
  ///
  /// - Throws: `Failure` when they are of another model or other settings.
  func open(settings: CalibrationSettings, modelSHA256: String) throws -> StatisticsFile? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let earlier = try StatisticsFile(path)
    guard earlier.metadata.modelSHA256 == modelSHA256, earlier.settings == settings else {
      throw Failure(
        path, "expected the same model and settings, found others; remove it to start anew")
    }
    return earlier
  }

  func remove() { unlink(path) }
}
