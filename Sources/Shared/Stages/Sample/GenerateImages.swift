import Formats
import Foundation
import Layers
import Models
import Pipeline
import Platform
import Sampling
import Streams
import Tensors

/// The stage of `dit-run`: prompts in, pictures out.
package struct GenerateImages {
  /// A model folder, or a packed stream (`-`: stdin).
  package var model = "-"
  package var folderOptions = ModelFolder.Options()
  package var prompts: [String] = []
  package var sampling = SamplingOptions()
  package var seed: UInt64 = 0
  /// Pictures of each prompt, with consecutive seeds.
  package var batchCount = 1
  package var output = "-"
  /// What the arguments name.
  package var files = RunFiles()
  package var precision = RunPrecision()
  /// A file with the standard normal latents to start from, [pictures][channels][height][width].
  package var latentsPath: String?
  package var savedLatentsPath: String?
  package var dump: DumpRequest?
  package var text = TextOptions()
  /// A file for the text states of all prompts.
  package var savedEmbedsPath: String?
  package var writesMetadata = true
  package var isVerbose = false

  package init() {}

  /// Pictures of one run: more than anybody looks at, and their list fits into memory.
  package static let mostPictures = 1_000_000

  /// How many pictures there will be.
  ///
  /// - Throws: `Failure` for more than `mostPictures`.
  package func pictureCount() throws -> Int {
    let (count, overflow) = prompts.count.multipliedReportingOverflow(by: batchCount)
    guard !overflow, count <= GenerateImages.mostPictures else {
      throw Failure(
        "expected at most \(GenerateImages.mostPictures) pictures, found \(prompts.count) prompts "
          + "with \(batchCount) each")
    }
    return count
  }

  /// Samples every prompt `batchCount` times and writes each picture as soon as it is done.
  package func run() throws {
    let count = try pictureCount()
    var requests = prompts.flatMap { Array(repeating: $0, count: batchCount) }.enumerated().map {
      SamplingRequest(number: $0, prompt: $1, seed: seed &+ UInt64($0))
    }
    let names = try OutputName(output, pictures: count)
    let source = try TransformerSource(model, folderOptions)
    let began = Date()
    let pipeline = try open(source)
    if let latentsPath {
      let given = try initialLatents(latentsPath, shape: pipeline.latentShape)
      guard given.count == requests.count else {
        throw Failure(
          latentsPath, "expected latents for \(requests.count) pictures, found \(given.count)")
      }
      for index in requests.indices { requests[index].latents = given[index] }
    }
    // Refused here, before the encoders run, rather than after.
    let savedEmbeds = try savedEmbedsPath.map { try OutputFile($0) }
    let beganText = Date()
    let run = try SamplingRun(requests, of: source, through: pipeline, text: text)
    if isVerbose {
      let seconds = String(format: "%.1f", Date().timeIntervalSince(beganText))
      Console.say("text: \(run.encodedPrompts.count) prompts, \(seconds) s")
    }
    if let savedEmbeds {
      try PromptEmbedsFile.write(run.encodedPrompts, of: source, text: text, to: savedEmbeds)
    }
    let recorder = dump.map(DumpRecorder.init)
    var saved: [SampledPicture] = []
    let progress = Progress("sampling", total: requests.count * pipeline.steps, unit: "steps")
    try run.forEach(
      observer: recorder,
      willStart: { _, step in
        recorder?.step = step?.index
        if let step, step.index > 0 { progress.advance() }
      },
      didFinish: { picture in
        progress.advance()
        if savedLatentsPath != nil { saved.append(picture) }
        let name = names.name(picture.request.number)
        let file = try OutputFile(name)
        let text =
          try writesMetadata
          ? [("parameters", parameters(picture.request, pipeline, source))] : []
        try file.write(try pipeline.decode(picture.latents).pngData(text: text))
        try file.commit()
        if isVerbose {
          let perStep = String(format: "%.4f", picture.seconds / Double(pipeline.steps))
          Console.say("\(name): seed \(picture.request.seed), \(perStep) s/step")
        }
      })
    progress.finish()
    try recorder?.write()
    if let savedLatentsPath { try writeLatents(saved, to: savedLatentsPath) }
    if isVerbose {
      let seconds = String(format: "%.1f", Date().timeIntervalSince(began))
      Console.say(
        "pictures: \(requests.count), \(seconds) s, \(Memory.summary)")
    }
  }

  /// The pipeline of `source`.
  ///
  /// - Throws: `Failure` also for a dump that there will not be, and an output that is a file of the
  ///   model.
  func open(_ source: TransformerSource) throws -> TextToImage {
    try files.check(notAmong: source.folder.files, of: "--model")
    let pipeline = try TextToImage(source, precision: precision, options: sampling)
    try dump?.check(pipeline)
    return pipeline
  }

  /// The settings of one picture, in the text form of AUTOMATIC1111's web UI, which picture tools
  /// read.
  private func parameters(
    _ picture: SamplingRequest, _ pipeline: TextToImage, _ source: TransformerSource
  ) throws -> String {
    var text = picture.prompt
    if !sampling.negativePrompt.isEmpty {
      text += "\nNegative prompt: \(sampling.negativePrompt)"
    }
    let name = URL(fileURLWithPath: source.folder.path).lastPathComponent
    let size = pipeline.output
    let sampler = GenerateImages.quoted(try pipeline.schedulerName())
    text += "\nSteps: \(pipeline.steps), Sampler: \(sampler)"
    text += ", CFG scale: \(pipeline.guidanceScale)"
    if sampling.guidanceRescale > 0 { text += ", CFG Rescale: \(sampling.guidanceRescale)" }
    text += ", Seed: \(picture.seed), Size: \(size.width)x\(size.height)"
    text += ", Model: \(GenerateImages.quoted(name))"
    if let formats = precision.activationSummary(of: source.packed) {
      text += ", FPQ: \(source.packed == nil ? "W16" : "W4") \(formats)"
    }
    if let attention = try precision.attention(of: source.packed) {
      text += ", Attention: \(attention.format)"
    }
    return text + ", Version: fpq \(StreamMetadata.version)"
  }

  /// A value of that text that came from outside, as the web UI writes it: a JSON string where it
  /// has what ends a value or looks like the next name.
  private static func quoted(_ value: String) -> String {
    value.contains { [",", "\n", ":"].contains($0) } ? JSON.quote(value) : value
  }
}
