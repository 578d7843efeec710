import Kernels
import Layers
import Streams
import Tensors

/// What the timestep (and the size conditions) make of all blocks: diffusers' `AdaLayerNormSingle`.
struct PixArtConditioning: Sendable {
  let timestep: SiLUProjection
  let resolution: SiLUProjection?
  let aspectRatio: SiLUProjection?
  let linear: Linear

  init(config: PixArtConfig, makeLinear: LinearFactory) throws {
    let (width, name) = (config.width, "adaln_single.emb")
    timestep = try SiLUProjection(
      sinusoid: "\(name).timestep_embedder", outputs: width, makeLinear: makeLinear)
    if config.usesSizeConditions {
      resolution = try SiLUProjection(
        sinusoid: "\(name).resolution_embedder", outputs: width / 3, makeLinear: makeLinear)
      aspectRatio = try SiLUProjection(
        sinusoid: "\(name).aspect_ratio_embedder", outputs: width / 3, makeLinear: makeLinear)
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
