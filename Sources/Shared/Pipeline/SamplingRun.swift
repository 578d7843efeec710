import Foundation
import Layers
import Models
import Platform
import Sampling
import Tensors

/// One picture to be sampled.
package struct SamplingRequest: Sendable {
  /// Its place in the caller's list.
  package let number: Int
  package let prompt: String
  package let seed: UInt64
  /// Standard normal, instead of what the seed starts from.
  package var latents: Latents?

  package init(number: Int, prompt: String, seed: UInt64, latents: Latents? = nil) {
    (self.number, self.prompt, self.seed, self.latents) = (number, prompt, seed, latents)
  }
}

/// What became of a request.
package struct SampledPicture {
  package let request: SamplingRequest
  /// What it started from, standard normal.
  package let noise: Latents
  package let latents: Latents
  package let seconds: Double
}

/// The one loop that samples prompts: for pictures, for statistics, and for the samples that blocks
/// are rounded on.
package struct SamplingRun {
  private let pipeline: TextToImage
  private let prompts: EncodedPrompts
  private let requests: [SamplingRequest]

  /// Encodes the prompts of `requests`, for guidance the negative prompt too, and lets the text
  /// encoders go.
  ///
  /// - Throws: `Failure` for a text encoder that is missing or damaged.
  package init(
    _ requests: [SamplingRequest], of source: TransformerSource, through pipeline: TextToImage,
    promptLength: Int? = nil
  ) throws {
    (self.pipeline, self.requests) = (pipeline, requests)
    let negative = pipeline.isGuided ? [pipeline.options.negativePrompt] : []
    prompts = try EncodedPrompts(
      negative + requests.map(\.prompt), by: source.textEncoding(promptLength: promptLength))
  }

  /// The distinct prompts in the order in which they came, the negative one of guidance first.
  package var encodedPrompts: [EncodedPrompt] { prompts.all }

  /// Where `prompt` stands among `encodedPrompts`.
  ///
  /// - Throws: `Failure` for a prompt that was not encoded.
  package func place(of prompt: String) throws -> Int { try prompts.place(of: prompt) }

  /// Samples the requests one after the other.
  ///
  /// - Parameters:
  ///   - observer: sees the inputs of the layers.
  ///   - willStart: called before every step of a request, and with nil before its text is
  ///     prepared.
  ///   - didFinish: called with the latents of each request as soon as they are there.
  /// - Throws: what `didFinish` throws, and `Failure` for latents that are not finite.
  package func forEach(
    observer: (any LayerObserver)? = nil,
    willStart: (_ request: SamplingRequest, _ step: DenoisingStep?) -> Void = { _, _ in },
    didFinish: (SampledPicture) throws -> Void
  ) throws {
    let negative =
      pipeline.isGuided ? try prompts[pipeline.options.negativePrompt] : nil
    for request in requests {
      let start = Date()
      let generator = TorchGenerator(seed: request.seed)
      let noise = request.latents ?? pipeline.initialLatents(generator)
      let latents = try pipeline.denoise(
        noise, prompt: prompts[request.prompt], negative: negative, generator: generator,
        observer: observer
      ) { willStart(request, $0) }
      try didFinish(
        SampledPicture(
          request: request, noise: noise, latents: latents,
          seconds: Date().timeIntervalSince(start)))
    }
  }
}

/// The text states of prompts, each distinct one encoded once.
private struct EncodedPrompts {
  let all: [EncodedPrompt]
  private let places: [String: Int]

  init(_ prompts: [String], by encoding: any TextEncoding) throws {
    var (all, places): ([EncodedPrompt], [String: Int]) = ([], [:])
    let progress = Progress("text", total: Set(prompts).count, unit: "prompts")
    for prompt in prompts where places[prompt] == nil {
      places[prompt] = all.count
      all.append(try encoding.encode(prompt))
      progress.advance()
    }
    progress.finish()
    (self.all, self.places) = (all, places)
  }

  func place(of prompt: String) throws -> Int {
    guard let place = places[prompt] else {
      throw Failure("prompt \(prompt)", "expected its text states, found none")
    }
    return place
  }

  subscript(prompt: String) -> EncodedPrompt {
    get throws { all[try place(of: prompt)] }
  }
}
