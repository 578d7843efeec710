import Formats
import Foundation
import Models
import Platform
import Sampling
import Tensors

/// The stage of `dit-run`: prompts in, pictures out.
package struct GenerateImages {
  /// A model folder, or a packed stream (`-`: stdin).
  package var model = "-"
  package var base: String?
  package var prompts: [String] = []
  package var sampling = SamplingOptions()
  package var seed: UInt64 = 0
  /// Pictures of each prompt, with consecutive seeds.
  package var batchCount = 1
  package var output = "-"
  package var precision = RunPrecision()
  /// A file with the standard normal latents to start from, [pictures][channels][height][width].
  package var latentsPath: String?
  package var savedLatentsPath: String?
  package var dump: DumpRequest?
  package var promptLength: Int?
  package var writesMetadata = true
  package var isVerbose = false

  package init() {}

  private struct Picture {
    let number: Int
    let prompt: String
    let seed: UInt64
  }

  /// Samples every prompt `batchCount` times and writes each picture as soon as it is done.
  package func run() throws {
    let pictures = prompts.enumerated().flatMap { index, prompt in
      (0..<batchCount).map {
        Picture(
          number: index * batchCount + $0, prompt: prompt,
          seed: seed &+ UInt64(index * batchCount + $0))
      }
    }
    let names = try OutputName(output, pictures: pictures.count)
    let source = try TransformerSource(model, base: base)
    let began = Date()
    let pipeline = try TextToImage(source, precision: precision, options: sampling)
    let given = try latentsPath.map { try initialLatents($0, shape: pipeline.latentShape) }
    if let given, given.count != pictures.count {
      throw Failure(
        latentsPath ?? "", "expected latents for \(pictures.count) pictures, found \(given.count)")
    }
    let states = try PromptEncoder(source.folder, promptLength: promptLength)
      .encode([sampling.negativePrompt] + prompts)
    let recorder = dump.map(DumpRecorder.init)
    var initial: [[Float]] = []
    var final: [[Float]] = []
    let progress = Progress("sampling", total: pictures.count * sampling.steps, unit: "steps")
    for picture in pictures {
      let start = Date()
      let generator = TorchGenerator(seed: picture.seed)
      let noise = given?[picture.number] ?? pipeline.initialLatents(generator)
      guard let prompt = states[picture.prompt], let negative = states[sampling.negativePrompt]
      else { continue }
      let latents = try pipeline.denoise(
        latents: noise, prompt: prompt, negative: negative, generator: generator,
        observer: recorder
      ) { step in
        recorder?.step = step?.index
        if let step, step.index > 0 { progress.advance() }
      }
      progress.advance()
      let seconds = Date().timeIntervalSince(start)
      if savedLatentsPath != nil {
        initial.append(noise)
        final.append(latents)
      }
      let name = names.name(picture.number)
      let file = try OutputFile(name)
      let text = try writesMetadata ? [("parameters", parameters(picture, pipeline, source))] : []
      try file.write(try pipeline.decode(latents).pngData(text: text))
      try file.commit()
      if isVerbose {
        let perStep = String(format: "%.4f", seconds / Double(sampling.steps))
        Console.say("\(name): seed \(picture.seed), \(perStep) s/step")
      }
    }
    progress.finish()
    try recorder?.write()
    if let savedLatentsPath {
      try writeLatents(initial, final, shape: pipeline.latentShape, to: savedLatentsPath)
    }
    if isVerbose {
      let seconds = String(format: "%.1f", Date().timeIntervalSince(began))
      Console.say(
        "pictures: \(pictures.count), \(seconds) s, peak memory \(Memory.peakMegabytes) MB")
    }
  }

  /// The settings of one picture, in the text form of AUTOMATIC1111's web UI, which picture tools read.
  private func parameters(
    _ picture: Picture, _ pipeline: TextToImage, _ source: TransformerSource
  ) throws -> String {
    var text = picture.prompt
    if !sampling.negativePrompt.isEmpty {
      text += "\nNegative prompt: \(sampling.negativePrompt)"
    }
    let name = URL(fileURLWithPath: source.folder.path).lastPathComponent
    let size = pipeline.requested
    text += "\nSteps: \(sampling.steps), Sampler: \(try pipeline.schedulerName())"
    text += ", CFG scale: \(sampling.guidanceScale), Seed: \(picture.seed)"
    text += ", Size: \(size.width)x\(size.height), Model: \(name)"
    if let formats = precision.activationSummary(of: source.packed) {
      text += ", FPQ: \(source.packed == nil ? "W16" : "W4") \(formats)"
    }
    if let attention = try precision.attention(of: source.packed) {
      text += ", Attention: \(attention.format)"
    }
    return text + ", Version: fpq \(StreamMetadata.version)"
  }
}
