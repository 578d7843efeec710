import Calibration
import Foundation
import Layers
import Models
import Pipeline
import Platform
import Sampling
import Streams
import Tensors

/// The stage of `fpq-stats`: runs the float model's own sampler on prompts and sums up what its
/// layers see.
package struct CollectStatistics {
  package var model = ""
  package var folderOptions = ModelFolder.Options()
  package var prompts: [String] = []
  package var sampling = SamplingOptions()
  package var text = TextOptions()
  package var seed: UInt64 = 0
  package var tokensPerSample = 256
  /// The shard: prompts `skip ..< skip + limit` of the list, numbered as in the whole list.
  package var skip = 0
  package var limit: Int?
  /// Only what the layers that match this pattern read; nil: all.
  package var layerPattern: String?
  package var output = "-"
  /// What the arguments name.
  package var files = RunFiles()
  /// Keep `<output>.resume` up to date and continue from it.
  package var resumes = false
  /// Prompts between two writes of the resume file; nil: as often as costs a fiftieth of the time.
  package var resumeInterval: Int?
  package var isVerbose = false

  package init() {}

  package func run() throws {
    let start = Date()
    let numbers = try promptShard(of: prompts.count, skip: skip, limit: limit)
    let source = try open()
    let pipeline = try TextToImage(source, options: sampling)
    try certain(pipeline).check()
    let settings = StatisticsRun.sampling(
      CalibrationSettings(
        steps: pipeline.steps, guidanceScale: Double(pipeline.guidanceScale),
        guidanceRescale: Double(sampling.guidanceRescale), seed: seed,
        width: pipeline.sampled.width, height: pipeline.sampled.height,
        scheduler: try pipeline.schedulerName(), negativePrompt: sampling.negativePrompt,
        tokensPerSample: tokensPerSample, promptLength: text.promptLength,
        cleansCaptions: try source.textEncoding(text).cleansCaptions ?? false))
    func requests(_ numbers: some Sequence<Int>) -> [SamplingRequest] {
      numbers.map {
        SamplingRequest(number: $0, prompt: prompts[$0], seed: seed &+ UInt64($0))
      }
    }
    // States in a file tell at once whether they are those of the prompts; a digest takes longer.
    if text.embeds != nil {
      _ = try SamplingRun(requests(numbers), of: source, through: pipeline, text: text)
    }
    let sha256 = try SHA256.hex(of: source.weights)
    let options = recordedOptions(folderOptions, source.folder)
    let result = try OutputFile(output)

    let roles = LayerRoles(try watchedLayers(pipeline).map(\.role))
    var checkpoint = ResumeFile(path: "\(output).resume", interval: resumeInterval)
    var done: [Int: String] = [:]
    var resumed: [SiteStatistics] = []
    if resumes, let earlier = try checkpoint.open(run: settings, modelSHA256: sha256) {
      for (number, prompt) in earlier.prompts.sorted(by: { $0.key < $1.key })
      where !numbers.contains(number) || prompts[number] != prompt {
        throw Failure(
          checkpoint.path,
          "expected prompts of this run, found number \(number), \(JSON.quote(prompt)); remove it to "
            + "start anew")
      }
      done = earlier.prompts
      resumed = try earlier.roles.observedSites.compactMap(earlier.statistics)
      Console.say("resuming after \(done.count) prompts")
    }
    let collector = StatisticsCollector(
      tokensPerSample: tokensPerSample, steps: pipeline.steps, resumed: resumed,
      watched: Set(roles.observedSites))
    func write(to file: OutputFile) throws {
      let metadata = StatisticsFile.metadata(
        model: model, options: options, unused: pipeline.unusedTensors, sha256: sha256,
        run: settings, roles: roles, prompts: done)
      try SafetensorsWriter.write(
        collector.statistics.flatMap(StatisticsFile.entries), metadata: metadata.dictionary,
        to: file)
      try file.commit()
    }

    let left = requests(numbers.filter { done[$0] == nil })
    let run = try SamplingRun(left, of: source, through: pipeline, text: text)
    let progress = Progress("statistics", total: left.count * pipeline.steps, unit: "steps")
    try run.forEach(
      observer: collector,
      willStart: { request, step in
        if let step, step.index > 0 { progress.advance() }
        (collector.prompt, collector.step) = (request.number, step?.index)
      },
      didFinish: { picture in
        let prompt = picture.request.prompt
        collector.finishPrompt()
        guard collector.isFinite else {
          throw source.weights.notFinite("activations for \(prompt)")
        }
        done[picture.request.number] = prompt
        progress.advance()
        if resumes { try checkpoint.finishedPrompt { try write(to: $0) } }
      })
    progress.finish()
    try collector.check(roles, place: source.weights.path)
    // What was written after the last prompt is all there is to write.
    if !resumes || !checkpoint.becomeResult(output) {
      try write(to: result)
      if resumes { checkpoint.remove() }
    }
    if isVerbose {
      let seconds = String(format: "%.1f", Date().timeIntervalSince(start))
      Console.say(
        "\(done.count) prompts, \(roles.sites.count) sites, \(seconds) s, \(Memory.summary)"
      )
    }
  }

  /// The float model.
  ///
  /// - Throws: `Failure` also for an output that is one of its files.
  func open() throws -> TransformerSource {
    let source = try FloatModel.transformer(model, folderOptions)
    try files.check(notAmong: source.folder.files, of: "--model")
    return source
  }

  /// The layers whose inputs are watched.
  ///
  /// - Throws: `Failure` for a pattern that matches none.
  func watchedLayers(_ pipeline: TextToImage) throws -> [Linear] {
    let all = pipeline.transformer.linears
    guard let layerPattern else { return all }
    let chosen = all.filter { fnmatch(layerPattern, $0.name, 0) == 0 }
    guard !chosen.isEmpty else {
      throw Failure("layers \(layerPattern)", "expected to match a layer, matched none")
    }
    return chosen
  }
}
