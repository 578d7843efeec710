import Foundation
import Layers
import Models
import Platform
import Sampling
import Tensors

/// What the transformer is given at one step of a sampler, in each half of guidance alike.
package struct DenoisingStep {
  package let index: Int
  package let timestep: Float
  /// Of one sample, as the scheduler scales them for the transformer.
  package let latents: Latents
}

/// Denoises latents with a diffusion transformer and decodes them, as the family's pipelines in
/// diffusers do.
package final class TextToImage {
  package let transformer: any DiffusionTransformer
  package let options: SamplingOptions
  package let steps: Int
  package let guidanceScale: Float
  /// Tensors of a float model that its graph does not read.
  package let unusedTensors: [String]
  /// The size that is sampled, in pixels, and the one that pictures have in the end.
  package let sampled: ResolutionBin
  package let output: ResolutionBin
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
    let watched = WatchedTensors(weights)
    transformer = try source.transformer(precision, reading: watched)
    unusedTensors = source.packed == nil ? watched.unused : []
    if let first = unusedTensors.first {
      Console.say(
        "\(weights.path): tensors that are not used: \(unusedTensors.count), first \(first)")
    }
    self.options = options
    let profile = source.family.sampling
    steps = options.steps ?? profile.steps
    guidanceScale = options.guidanceScale ?? profile.guidanceScale
    schedulerConfig = try folder.config("scheduler", file: "scheduler_config.json")
    autoencoder = try AutoencoderKL(
      folder: folder.folder("vae"), variant: folder.options.variant)
    let factor = autoencoder.config.downsampling
    let native = transformer.sampleSize * factor
    let asked = ResolutionBin(height: options.height ?? native, width: options.width ?? native)
    guard autoencoder.config.latentChannels == transformer.latentChannels,
      autoencoder.config.outChannels == 3
    else {
      throw Failure(
        autoencoder.path,
        "expected 3 channels from latents of \(transformer.latentChannels), found "
          + "\(autoencoder.config.outChannels) from \(autoencoder.config.latentChannels)")
    }
    do {
      (sampled, output) = try profile.sizes.sizes(
        for: asked, sampleSize: transformer.sampleSize, unit: factor * transformer.patchSize,
        binning: options.usesResolutionBinning)
    } catch let failure as Failure where options.width == nil && options.height == nil {
      throw Failure("\(source.config.path): sample_size", failure.description)
    }
    if output != asked {
      Console.say(
        "size \(asked.width)x\(asked.height): pictures will be \(output.width)x\(output.height)")
    }
    _ = try makeScheduler()
  }

  /// Whether a step runs the negative prompt too: classifier-free guidance.
  package var isGuided: Bool { guidanceScale > 1 }

  /// Shape of one picture's latents, [channels][height][width].
  package var latentShape: [Int] {
    let factor = autoencoder.config.downsampling
    return [transformer.latentChannels, sampled.height / factor, sampled.width / factor]
  }

  /// What the transformer is told of the picture's size, if it wants to know.
  package var conditions: SizeConditions? {
    transformer.usesSizeConditions
      ? SizeConditions(height: Float(sampled.height), width: Float(sampled.width)) : nil
  }

  /// The scheduler's class in diffusers, for metadata.
  package func schedulerName() throws -> String {
    try options.scheduler ?? schedulerConfig.string("_class_name") ?? "none"
  }

  /// The noise that a generator starts from, before the scheduler scales it: PyTorch's randn on the
  /// CPU.
  package func initialLatents(_ generator: TorchGenerator) -> Latents {
    let shape = latentShape
    return Latents(
      channels: shape[0], height: shape[1], width: shape[2],
      values: generator.randn(shape.reduce(1, *)))
  }

  /// Denoises one picture.
  ///
  /// - Parameters:
  ///   - latents: of one sample, standard normal.
  ///   - prompt: the prompt's text states.
  ///   - negative: the negative prompt's, for guidance; nil without.
  ///   - generator: where a stochastic scheduler draws its noise.
  ///   - observer: sees the inputs of the layers; the graph does no extra work without one.
  ///   - willStart: called before every step, and with nil before the text is prepared.
  /// - Returns: the final latents, shaped as `latents`.
  /// - Throws: `Failure` naming the step at which a prediction or the latents are not finite.
  package func denoise(
    _ latents: Latents, prompt: EncodedPrompt, negative: EncodedPrompt?, generator: TorchGenerator,
    observer: (any LayerObserver)? = nil, willStart: (_ step: DenoisingStep?) -> Void = { _ in }
  ) throws -> Latents {
    willStart(nil)
    let prompts = [negative, prompt].compactMap(\.self)
    let text = transformer.prepareText(prompts, observer: observer)
    let scheduler = try makeScheduler()
    let conditions = conditions
    func matrix(_ latents: Latents) -> Matrix {
      Matrix(rows: 1, columns: latents.size, values: latents.values)
    }
    var x = matrix(latents.with(latents.values.map { $0 * scheduler.initNoiseSigma }))
    for (index, timestep) in scheduler.timesteps.enumerated() {
      let input = latents.with(scheduler.scaleInput(x, index: index).values)
      willStart(DenoisingStep(index: index, timestep: timestep, latents: input))
      let output = transformer.forward(
        input.repeated(prompts.count),
        timesteps: Array(repeating: timestep, count: prompts.count), text: text,
        conditions: conditions, observer: observer)
      func notFinite(_ what: String) -> Failure {
        weights.notFinite(
          "\(what) at step \(index + 1) of \(steps) for \(JSON.quote(prompt.prompt))")
      }
      guard output.values.allSatisfy(\.isFinite) else { throw notFinite("prediction") }
      // The transformer may also predict a variance, in channels that sampling drops.
      let halves = prompts.indices.map { matrix(output.sample($0, channels: latents.channels)) }
      var noise = halves[0]
      if halves.count == 2 {
        noise = guided(
          unconditional: halves[0], conditional: halves[1], scale: guidanceScale)
        if options.guidanceRescale > 0 {
          noise = rescaled(noise, to: halves[1], factor: options.guidanceRescale)
        }
      }
      x = scheduler.step(noise, index: index, latents: x, generators: [generator])
      guard x.isFinite else { throw notFinite("latents") }
    }
    return latents.with(x.values)
  }

  private func makeScheduler() throws -> any Scheduler {
    try Sampling.makeScheduler(
      config: schedulerConfig, override: options.scheduler, steps: steps)
  }

  /// Bytes of memory that decoding a picture takes about.
  package var decodingBytes: Int {
    autoencoder.decodingBytes(height: sampled.height, width: sampled.width)
  }

  /// [3][height][width] of the size that is sampled, about -1...1.
  ///
  /// - Throws: `Failure` naming the autoencoder when they are not finite.
  func decodePixels(_ latents: Latents) throws -> [Float] {
    let pixels =
      options.tilesDecoding ? try autoencoder.decodeTiled(latents) : autoencoder.decode(latents)
    guard pixels.allSatisfy(\.isFinite) else {
      throw Failure(autoencoder.path, "expected finite pixels, found NaN or infinity")
    }
    return pixels
  }

  /// Decodes the latents of one sample to a picture of the size `output`.
  package func decode(_ latents: Latents) throws -> Image {
    let pixels = resizedAndCropped(
      try decodePixels(latents), height: sampled.height, width: sampled.width, to: output)
    let plane = output.width * output.height
    let rgb = [UInt8](unsafeUninitializedCapacity: plane * 3) { buffer, count in
      for pixel in 0..<plane {
        for channel in 0..<3 {
          // As diffusers: to 0...1, clamp, to 0...255, round half to even.
          let value = min(max(pixels[channel * plane + pixel] * 0.5 + 0.5, 0), 1) * 255
          buffer[pixel * 3 + channel] = UInt8(clamping: value.rounded(.toNearestOrEven))
        }
      }
      count = plane * 3
    }
    return Image(width: output.width, height: output.height, pixels: rgb)
  }
}
