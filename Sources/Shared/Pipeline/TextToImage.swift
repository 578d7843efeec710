import Foundation
import Models
import Platform
import Sampling
import Tensors

/// How one picture is sampled; the names and defaults of the PixArt pipelines in diffusers.
package struct SamplingOptions: Sendable {
  package var steps = 20
  /// Guidance is off at 1 and below.
  package var guidanceScale: Float = 4.5
  package var negativePrompt = ""
  /// Pixels; nil takes the model's own size.
  package var width: Int?
  package var height: Int?
  /// `dpmsolver++`, `ddim`, `euler`, `ddpm`; nil takes the model's own.
  package var scheduler: String?
  /// Sample at the nearest size the model was trained on, then resize and crop.
  package var usesResolutionBinning = true
  /// Decode in overlapping tiles: less memory, a slightly different picture (diffusers' VAE tiling).
  package var tilesDecoding = false

  package init() {}
}

/// What the transformer is given at one step of a sampler, in each half of guidance alike.
package struct DenoisingStep {
  package let index: Int
  package let timestep: Float
  /// [channels][height][width], as the scheduler scales them for the transformer.
  package let latents: [Float]
}

/// Denoises latents with a PixArt transformer and decodes them: PixArtAlphaPipeline and PixArtSigmaPipeline of diffusers.
package final class TextToImage {
  package let transformer: PixArtTransformer
  package let options: SamplingOptions
  /// The size asked for, in pixels, and the one that is sampled.
  package let requested: ResolutionBin
  package let sampled: ResolutionBin
  private let weights: any TensorSource
  private let autoencoder: AutoencoderKL
  private let schedulerConfig: ModelConfig

  /// Loads the parts and checks that the size fits them.
  ///
  /// - Parameters:
  ///   - source: where the transformer comes from.
  ///   - precision: what inner values are rounded to instead of what a packed model says.
  ///   - options: how pictures are sampled.
  /// - Throws: `Failure` for a part that is missing or damaged, or a size that does not fit.
  package init(
    _ source: TransformerSource, precision: RunPrecision = RunPrecision(),
    options: SamplingOptions
  ) throws {
    let folder = source.folder
    weights = source.weights
    transformer = try source.transformer(precision)
    self.options = options
    schedulerConfig = try folder.config("scheduler", file: "scheduler_config.json")
    autoencoder = try AutoencoderKL(folder: folder.folder("vae"))
    let factor = autoencoder.config.downsampling
    let native = transformer.config.sampleSize * factor
    requested = ResolutionBin(height: options.height ?? native, width: options.width ?? native)
    // Models of other sizes (small ones for tests) have no table: they sample what is asked for.
    let hasBins = ResolutionBin.sampleSizes.contains(transformer.config.sampleSize)
    sampled =
      options.usesResolutionBinning && hasBins
      ? try .nearest(
        height: requested.height, width: requested.width,
        sampleSize: transformer.config.sampleSize) : requested
    let unit = factor * transformer.config.patchSize
    guard sampled.width > 0, sampled.height > 0, sampled.width % unit == 0,
      sampled.height % unit == 0, sampled.width <= 8192, sampled.height <= 8192
    else {
      throw Failure(
        "size \(requested.width)x\(requested.height): expected multiples of \(unit) up to 8192")
    }
    _ = try makeScheduler()
  }

  /// Shape of one picture's latents, [channels][height][width].
  package var latentShape: [Int] {
    let factor = autoencoder.config.downsampling
    return [transformer.config.inChannels, sampled.height / factor, sampled.width / factor]
  }

  /// What the transformer is told of the picture's size, if it wants to know.
  package var conditions: SizeConditions? {
    transformer.config.usesSizeConditions
      ? SizeConditions(height: Float(sampled.height), width: Float(sampled.width)) : nil
  }

  /// The scheduler's class in diffusers, for metadata.
  package func schedulerName() throws -> String {
    try options.scheduler ?? schedulerConfig.string("_class_name") ?? "none"
  }

  /// The noise that `seed` starts from, before the scheduler scales it: PyTorch's randn on the CPU.
  package func initialLatents(_ generator: TorchGenerator) -> [Float] {
    generator.randn(latentShape.reduce(1, *))
  }

  /// Denoises one picture.
  ///
  /// - Parameters:
  ///   - latents: [channels][height][width], standard normal.
  ///   - prompt: the prompt's text states.
  ///   - negative: the negative prompt's; unused when guidance is off.
  ///   - generator: where a stochastic scheduler draws its noise.
  ///   - observer: sees the inputs of the layers; the graph does no extra work without one.
  ///   - willStart: called before every step, and with nil before the text is prepared.
  /// - Returns: the final latents, shaped as `latents`.
  /// - Throws: `Failure` naming the tensor when they are not finite.
  package func denoise(
    latents: [Float], prompt: PromptStates, negative: PromptStates, generator: TorchGenerator,
    observer: (any LayerObserver)? = nil, willStart: (_ step: DenoisingStep?) -> Void = { _ in }
  ) throws -> [Float] {
    let isGuided = options.guidanceScale > 1
    let batch = isGuided ? 2 : 1
    willStart(nil)
    let text = prepare(isGuided ? [negative, prompt] : [prompt], observer: observer)
    let scheduler = try makeScheduler()
    let shape = latentShape
    let kept = shape.reduce(1, *)
    let conditions = conditions
    var x = Matrix(
      rows: 1, columns: kept, values: latents.map { $0 * scheduler.initNoiseSigma })
    for (index, timestep) in scheduler.timesteps.enumerated() {
      let input = scheduler.scaleInput(x, index: index).values
      willStart(DenoisingStep(index: index, timestep: timestep, latents: input))
      let output = transformer.forward(
        latents: isGuided ? input + input : input, batch: batch, height: shape[1],
        width: shape[2], timestep: timestep, text: text, conditions: conditions, observer: observer)
      // The transformer also predicts a variance, in channels that sampling drops.
      let halves = (0..<batch).map { sample in
        let start = sample * (output.count / batch)
        return Matrix(rows: 1, columns: kept, values: Array(output[start..<(start + kept)]))
      }
      let noise =
        isGuided
        ? guided(
          unconditional: halves[0], conditional: halves[1], scale: options.guidanceScale)
        : halves[0]
      x = scheduler.step(noise, index: index, latents: x, generators: [generator])
    }
    let final = x.values
    guard final.allSatisfy(\.isFinite) else {
      throw weights.notFinite("latents for \(prompt.prompt)")
    }
    return final
  }

  private func makeScheduler() throws -> any Scheduler {
    try Sampling.makeScheduler(
      config: schedulerConfig, override: options.scheduler, steps: options.steps)
  }

  /// Pads the prompts' states to one length and lets the transformer prepare them.
  private func prepare(_ prompts: [PromptStates], observer: (any LayerObserver)?) -> TextContext {
    let length = prompts.map(\.states.rows).max() ?? 0
    let channels = prompts[0].states.columns
    let states = Matrix(rows: prompts.count * length, columns: channels, zeroed: true)
    var mask = Array(repeating: false, count: states.rows)
    for (index, prompt) in prompts.enumerated() {
      states.row(index * length).update(from: prompt.states.pointer, count: prompt.states.count)
      for token in 0..<prompt.states.rows { mask[index * length + token] = true }
    }
    return transformer.prepareText(states, mask: mask, batch: prompts.count, observer: observer)
  }

  /// Decodes latents [channels][height][width] to a picture of the size asked for.
  package func decode(_ latents: [Float]) throws -> Image {
    let shape = latentShape
    var pixels =
      options.tilesDecoding
      ? try autoencoder.decodeTiled(latents, height: shape[1], width: shape[2])
      : autoencoder.decode(latents, batch: 1, height: shape[1], width: shape[2])
    pixels = resizedAndCropped(
      pixels, height: sampled.height, width: sampled.width, to: requested)
    let plane = requested.width * requested.height
    let rgb = [UInt8](unsafeUninitializedCapacity: plane * 3) { buffer, count in
      for pixel in 0..<plane {
        for channel in 0..<3 {
          // As diffusers: to 0...1, clamp, to 0...255, round half to even.
          let value = min(max(pixels[channel * plane + pixel] * 0.5 + 0.5, 0), 1) * 255
          buffer[pixel * 3 + channel] = UInt8(value.rounded(.toNearestOrEven))
        }
      }
      count = plane * 3
    }
    return Image(width: requested.width, height: requested.height, pixels: rgb)
  }
}
