import Kernels
import Layers
import Streams
import Tensors

/// Two linear layers with SiLU between, on a sinusoid of 256 channels: diffusers'
/// `TimestepEmbedding`.
struct SinusoidEmbedding: Sendable {
  let linear1: Linear
  let linear2: Linear

  init(_ name: String, outputs: Int, makeLinear: LinearFactory) throws {
    func role(_ part: String) -> LayerRole {
      LayerRole("\(name).\(part)", kind: .conditioning, rows: .samples)
    }
    linear1 = try makeLinear(role("linear_1"), 256, outputs)
    linear2 = try makeLinear(role("linear_2"), outputs, outputs)
  }

  var linears: [Linear] { [linear1, linear2] }

  /// One embedding [outputs] per value.
  func callAsFunction(_ values: [Float], on direct: Direct) -> Matrix {
    let hidden = direct.project(linear1, Embeddings.sinusoid(values))
    hidden.applySiLU()
    return direct.project(linear2, hidden)
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
    linear = try makeLinear(
      LayerRole("adaln_single.linear", kind: .conditioning, rows: .samples), width, 6 * width)
  }

  var linears: [Linear] {
    [timestep, resolution, aspectRatio].compactMap(\.self).flatMap(\.linears) + [linear]
  }

  /// The conditioning of a batch, one timestep per sample.
  ///
  /// - Returns: `embedded` [samples][D], which the final layer reads, and `modulation`
  ///   [samples][6][D], which the blocks share.
  func callAsFunction(
    timesteps: [Float], conditions: SizeConditions?, on direct: Direct
  ) -> (embedded: Matrix, modulation: Matrix) {
    let embedded = timestep(timesteps, on: direct)
    if let resolution, let aspectRatio {
      guard let conditions else { preconditionFailure("this model wants size conditions") }
      // [height | width | aspect ratio], the same for every sample.
      let sizes = resolution([conditions.height, conditions.width], on: direct)
      let ratio = aspectRatio([conditions.aspectRatio], on: direct)
      embedded.add(
        toEachSample: Matrix(
          rows: 1, columns: embedded.columns, values: sizes.values + ratio.values))
    }
    direct.show("adaln_single.emb", embedded)
    let modulation = direct.project(linear, embedded.silu())
    direct.show("adaln_single", modulation)
    return (embedded, modulation)
  }
}
