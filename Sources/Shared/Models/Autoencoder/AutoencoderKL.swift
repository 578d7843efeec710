import Kernels
import Layers
import Platform
import Tensors

/// The variational autoencoder between pictures and latents: diffusers' `AutoencoderKL`.
package final class AutoencoderKL: Sendable {
  package let config: AutoencoderConfig
  /// Where the weights come from, for messages.
  package let path: String
  /// Bytes that maps may take which are not needed as a whole.
  let memoryLimit: Int
  let decoder: AutoencoderDecoder
  private let encoder: AutoencoderEncoder?

  /// Reads the weights of a model folder's `vae`.
  ///
  /// - Parameters:
  ///   - file: its `config.json`.
  ///   - weights: its tensors.
  ///   - withEncoder: whether to read the encoder's too.
  ///   - memoryLimit: bytes that maps may take which are not needed as a whole: those of a picture
  ///     of 1024 pixels a side do not fit, which costs half as much time again. Changes no bit.
  /// - Throws: `Failure` for a setting that is not supported, and for a tensor that is missing, has
  ///   another shape, holds NaN or infinity, or that the configuration leaves unread.
  package init(
    config file: ModelConfig, weights: any TensorSource, withEncoder: Bool = false,
    memoryLimit: Int = 560 << 20
  ) throws {
    self.memoryLimit = memoryLimit
    path = weights.path
    config = try AutoencoderConfig(file)
    let watched = WatchedTensors(weights)
    let weights = FiniteTensors(watched)
    decoder = try AutoencoderDecoder(config: config, from: weights)
    encoder = withEncoder ? try AutoencoderEncoder(config: config, from: weights) : nil
    try watched.refuseUnused(
      beginningWith: ["decoder.", "post_quant_conv."]
        + (withEncoder ? ["encoder.", "quant_conv."] : []))
  }

  /// Bytes that decoding takes about: some maps of all pixels, as far as the limit allows.
  package func decodingBytes(height: Int, width: Int) -> Int {
    let map = height * width * config.levels[0] * MemoryLayout<Float>.stride
    return min(memoryLimit, 4 * map) + map / 4
  }

  /// Reads `config.json` and the weights in `folder`, of `variant` if it has it.
  package convenience init(
    folder: String, variant: String? = nil, withEncoder: Bool = false
  ) throws {
    try self.init(
      config: ModelConfig("\(folder)/config.json"),
      weights: Checkpoint(folder: folder, variant: variant),
      withEncoder: withEncoder)
  }

  /// The pictures of latents as a sampler leaves them; they are divided by the scaling factor here.
  ///
  /// - Parameters:
  ///   - latents: decoded one sample after the other.
  ///   - observer: sees the outputs of modules.
  /// - Returns: [samples][out channels][height * downsampling][width * downsampling], nominally
  ///   -1...1, not clamped.
  package func decode(
    _ latents: Latents, observer: (any LayerObserver)? = nil
  ) -> [Float] {
    let size = latents.size
    precondition(latents.channels == config.latentChannels, "\(latents.channels) channels")
    Matrix.releaseKeptMemory()
    return (0..<latents.samples).flatMap { sample in
      let z = latents.values[(sample * size)..<((sample + 1) * size)]
        .map { $0 / config.scalingFactor }
      return decoder(
        FeatureMap(planes: z[...], height: latents.height, width: latents.width),
        within: memoryLimit, observer: observer
      ).planes
    }
  }

  /// The mean and log variance of the latents of pictures, before the scaling factor.
  ///
  /// A latent is (mean + exp(log variance / 2) * noise) * scaling factor.
  ///
  /// - Parameters:
  ///   - pictures: [batch][in channels][height][width], -1...1.
  ///   - batch: how many pictures.
  ///   - height: of the pictures, a multiple of `config.downsampling`.
  ///   - width: of the pictures, a multiple of `config.downsampling`.
  ///   - observer: sees the outputs of modules.
  /// - Returns: [batch][mean, then log variance clamped to
  ///   -30...20][height / downsampling][width / downsampling].
  package func encodeMoments(
    _ pictures: [Float], batch: Int, height: Int, width: Int,
    observer: (any LayerObserver)? = nil
  ) -> [Float] {
    guard let encoder else { preconditionFailure("the encoder was not read") }
    let factor = config.downsampling
    let size = config.inChannels * height * width
    precondition(height % factor == 0 && width % factor == 0, "\(width)x\(height) picture")
    precondition(size > 0 && pictures.count == batch * size, "\(pictures.count) values")
    return (0..<batch).flatMap { sample in
      let picture = FeatureMap(
        planes: pictures[(sample * size)..<((sample + 1) * size)], height: height, width: width)
      var moments = encoder(picture, within: memoryLimit, observer: observer).planes
      for index in (moments.count / 2)..<moments.count {
        moments[index] = min(max(moments[index], -30), 20)
      }
      return moments
    }
  }
}
