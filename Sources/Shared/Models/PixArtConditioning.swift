import Kernels
import Tensors

/// The picture's size and shape as the 1024 px PixArt-alpha is told them.
package struct SizeConditions: Equatable, Sendable {
  /// In pixels of the picture.
  package let height: Float
  package let width: Float
  /// Height over width.
  package let aspectRatio: Float

  /// The ratio is the picture's own unless given.
  package init(height: Float, width: Float, aspectRatio: Float? = nil) {
    self.height = height
    self.width = width
    self.aspectRatio = aspectRatio ?? height / width
  }
}

/// Two linear layers with SiLU between, on a sinusoid of 256 channels: diffusers' `TimestepEmbedding`.
struct SinusoidEmbedding: Sendable {
  let linear1: Linear
  let linear2: Linear

  init(_ name: String, outputs: Int, makeLinear: LinearFactory) throws {
    linear1 = try makeLinear("\(name).linear_1", 256, outputs)
    linear2 = try makeLinear("\(name).linear_2", outputs, outputs)
  }

  /// One embedding [outputs] a value.
  func callAsFunction(_ values: [Float], observer: (any LayerObserver)?) -> Matrix {
    let hidden = linear1(Embeddings.sinusoid(values), observer: observer)
    hidden.applySiLU()
    return linear2(hidden, observer: observer)
  }
}

/// What the timestep (and the size conditions) make of all blocks: diffusers' `AdaLayerNormSingle`.
struct PixArtConditioning: Sendable {
  let timestep: SinusoidEmbedding
  let resolution: SinusoidEmbedding?
  let aspectRatio: SinusoidEmbedding?
  let linear: Linear

  init(config: PixArtConfig, makeLinear: LinearFactory) throws {
    let (width, name) = (config.width, "adaln_single.emb")
    timestep = try SinusoidEmbedding(
      "\(name).timestep_embedder", outputs: width, makeLinear: makeLinear)
    if config.usesSizeConditions {
      resolution = try SinusoidEmbedding(
        "\(name).resolution_embedder", outputs: width / 3, makeLinear: makeLinear)
      aspectRatio = try SinusoidEmbedding(
        "\(name).aspect_ratio_embedder", outputs: width / 3, makeLinear: makeLinear)
    } else {
      resolution = nil
      aspectRatio = nil
    }
    linear = try makeLinear("adaln_single.linear", width, 6 * width)
  }

  /// The conditioning of a batch, one timestep a sample.
  ///
  /// - Returns: `embedded` [batch][D], which the final layer reads, and `modulation` [batch][6][D], which the blocks share.
  func callAsFunction(
    timesteps: [Float], conditions: SizeConditions?, observer: (any LayerObserver)?
  ) -> (embedded: Matrix, modulation: Matrix) {
    let embedded = timestep(timesteps, observer: observer)
    if let resolution, let aspectRatio {
      guard let conditions else { preconditionFailure("this model wants size conditions") }
      // [height | width | aspect ratio], the same for every sample.
      let sizes = resolution([conditions.height, conditions.width], observer: observer)
      let ratio = aspectRatio([conditions.aspectRatio], observer: observer)
      embedded.add(
        toEachSample: Matrix(
          rows: 1, columns: embedded.columns, values: sizes.values + ratio.values))
    }
    observer?.observe(module: "adaln_single.emb", output: embedded)
    let modulation = linear(embedded.silu(), observer: observer)
    observer?.observe(module: "adaln_single", output: modulation)
    return (embedded, modulation)
  }
}
