import Kernels
import Layers
import Streams
import Tensors

/// What the timestep, the pooled text, and up to version 1.1 the picture's size and a style tell
/// all blocks: diffusers' `HunyuanCombinedTimestepTextSizeStyleEmbedding` without its pooler.
struct HunyuanConditioning: Sendable {
  private static let name = "time_extra_emb"
  private let timestep: SiLUProjection
  private let extra: SiLUProjection
  /// [1][D], of the one style that there is; nil from version 1.2 on.
  private let style: ParameterTable?

  /// Height and width of the picture that it was cut out of, and where: the pipeline's defaults
  /// `original_size` and `crops_coords_top_left`.
  private static let original: [Float] = [1024, 1024]
  private static let crop: [Float] = [0, 0]

  init(config: HunyuanConfig, parts: TransformerParts) throws {
    let (width, name) = (config.width, HunyuanConditioning.name)
    timestep = try SiLUProjection(
      sinusoid: "\(name).timestep_embedder", outputs: width, makeLinear: parts.makeLinear)
    style =
      config.usesSizeConditions
      ? try ParameterTable(
        "\(name).style_embedder.weight", rows: 1, columns: width, from: parts.weights) : nil
    let sizes = HunyuanConditioning.original.count + 2 + HunyuanConditioning.crop.count
    let more = config.usesSizeConditions ? sizes * Embeddings.sinusoidWidth + width : 0
    extra = try SiLUProjection(
      "\(name).extra_embedder", kind: .conditioning, rows: .samples,
      inputs: config.pooledWidth + more, hidden: 4 * width, outputs: width,
      makeLinear: parts.makeLinear)
  }

  var linears: [Linear] { timestep.linears + extra.linears }

  /// SiLU of the sum of both embeddings, which is all that is read of it.
  ///
  /// - Parameters:
  ///   - timesteps: one per sample.
  ///   - pooled: [samples][pooled channels].
  ///   - conditions: the picture's size, where the model is told it.
  ///   - direct: computes it.
  /// - Returns: [samples][D].
  func callAsFunction(
    timesteps: [Float], pooled: Matrix, conditions: SizeConditions?, on direct: Direct
  ) -> Matrix {
    let embedded = timestep(timesteps, on: direct)
    var inputs = pooled
    if let style {
      guard let conditions else { preconditionFailure("this model wants size conditions") }
      let sizes = Embeddings.sinusoid(
        HunyuanConditioning.original + [conditions.height, conditions.width]
          + HunyuanConditioning.crop)
      // [sizes | style], the same for every sample.
      let shared = sizes.values + style.values.values
      inputs = pooled.concatenated(
        with: Matrix(
          rows: pooled.rows, columns: shared.count,
          values: (0..<pooled.rows).flatMap { _ in shared }))
    }
    embedded.add(extra(inputs, on: direct))
    direct.show(HunyuanConditioning.name, embedded)
    return embedded.silu()
  }
}
