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
  private let prompts: TextStates
  /// The negative prompt of guidance; nil without guidance, or without requests.
  private let negative: EncodedPrompt?
  private let requests: [SamplingRequest]

  /// Gets the text states of `requests`, for guidance of the negative prompt too.
  ///
  /// Text encoders that had to run are let go. Without requests nothing is opened.
  ///
  /// - Throws: `Failure` for a text encoder that is missing or damaged, and for states that are not
  ///   in the file where they should be, or do not fit the model.
  package init(
    _ requests: [SamplingRequest], of source: TransformerSource, through pipeline: TextToImage,
    text: TextOptions = TextOptions()
  ) throws {
    (self.pipeline, self.requests) = (pipeline, requests)
    let negative =
      pipeline.isGuided && !requests.isEmpty ? pipeline.options.negativePrompt : nil
    prompts = try TextStates(
      [negative].compactMap(\.self) + requests.map(\.prompt), of: source,
      inputs: pipeline.transformer.textInputs, options: text)
    self.negative = try negative.map { [prompts] in try prompts[$0] }
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
