import Formats
import Platform
import Tensors

/// What a quantized layer `L` has beside its codes, under the same names in a codes stream and in a
/// packed model.
///
/// `L.scales` F16 or F8_E4M3 [N][groups], with F8_E4M3, and with F16 where that
/// alone would lose some of them, also `L.global_scale` F32 [];
/// `L.negative_scales`, of the same type, where levels below zero have their own; `L.zeros` U8 for
/// layouts with zero points; `L.down` F16 [rank][K] and `L.up` F16 [N][rank] of a low-rank branch;
/// and, shared by the layers of an input site `S`, `S.center` F16 [K], `S.smooth` F16 [K] and
/// `S.input_scale` F32 [].
package struct LayerTensors: Sendable {
  package let scales: Tensor
  package let negativeScales: Tensor?
  package let globalScale: Tensor?
  /// [N][groups], or two a byte [N][ceil(groups/2)] in a packed model.
  package let zeros: Tensor?
  package let down: Tensor?
  package let up: Tensor?
  package let center: Tensor?
  package let smooth: Tensor?
  package let inputScale: Tensor?

  /// Finds and checks the tensors of `layer`.
  ///
  /// - Parameters:
  ///   - layer: its name.
  ///   - entry: what the metadata says of it.
  ///   - outputs: N.
  ///   - inputs: K.
  ///   - isPacked: whether zero points are packed, as in a packed model.
  ///   - source: the stream or model.
  /// - Throws: `Failure` naming the tensor that is missing, does not fit, or has values that are
  ///   not finite.
  package init(
    _ layer: String, _ entry: LayerFormats.Entry, outputs: Int, inputs: Int, isPacked: Bool,
    from source: any TensorSource
  ) throws {
    func tensor(_ name: String, _ dtype: DType, _ shape: [Int]) throws -> Tensor {
      let found = try source.tensor(name, shape: shape)
      guard found.dtype == dtype else {
        throw Failure(found.place, "expected \(dtype.rawValue), found \(found.dtype.rawValue)")
      }
      if dtype != .u8, try !found.floats().allSatisfy(\.isFinite) {
        throw Failure(found.place, "expected finite numbers, found NaN or infinity")
      }
      return found
    }
    let layout = entry.layout
    let groups = layout.groups(inputs)
    guard layout.sharedBit == nil || groups == 1 else {
      throw Failure(
        "\(source.path): \(layer)",
        "expected one scale per row for \(layout.format), found groups of \(layout.groupSize(inputs))"
      )
    }
    let type = layout.scales.dtype
    scales = try tensor("\(layer).scales", type, [outputs, groups])
    negativeScales =
      layout.isTwoSided ? try tensor("\(layer).negative_scales", type, [outputs, groups]) : nil
    let global = "\(layer).global_scale"
    globalScale =
      layout.scales.isBesideGlobal || source.find(global) != nil
      ? try tensor(global, .f32, []) : nil
    let zeroShape =
      isPacked ? layout.packedZeros(rows: outputs, columns: inputs) : [outputs, groups]
    zeros = layout.hasZeroPoints ? try tensor("\(layer).zeros", .u8, zeroShape) : nil
    down = entry.rank > 0 ? try tensor("\(layer).down", .f16, [entry.rank, inputs]) : nil
    up = entry.rank > 0 ? try tensor("\(layer).up", .f16, [outputs, entry.rank]) : nil
    func shared(_ name: String, _ dtype: DType, _ shape: [Int]) throws -> Tensor? {
      guard let site = entry.input.site, source.find("\(site).\(name)") != nil else { return nil }
      return try tensor("\(site).\(name)", dtype, shape)
    }
    center = try shared("center", .f16, [inputs])
    smooth = try shared("smooth", .f16, [inputs])
    inputScale = try shared("input_scale", .f32, [])
    for (what, positive) in [("smooth", smooth), ("input_scale", inputScale), ("", globalScale)] {
      if let positive, try !positive.floats().allSatisfy({ $0 > 0 }) {
        throw Failure(positive.place, "expected \(what.isEmpty ? "a scale" : what) above 0")
      }
    }
    let block = entry.input.hadamard
    guard inputs % block == 0 else {
      throw Failure(
        "\(source.path): \(layer)", "expected blocks that divide \(inputs), found \(block)")
    }
  }

  /// The layer's own tensors without zero points, whose layout differs between streams.
  package var own: [Tensor] {
    [scales, negativeScales, globalScale, down, up].compactMap(\.self)
  }

  /// The tensors that the layers of a site share.
  package var shared: [Tensor] { [center, smooth, inputScale].compactMap(\.self) }
}

extension LayerTensors {
  /// The tensors that store `scales` for `layer`, zero points aside.
  package static func tensors(of scales: GroupScales, layer: String) -> [Tensor] {
    let type = scales.layout.scales
    var global: Float = 1
    if case .stored(let unit) = scales.precision { global = unit }
    func tensor(_ suffix: String, _ values: [Double]) -> Tensor {
      type.tensor(
        "\(layer).\(suffix)", shape: [scales.rows, scales.groups],
        values: values.map { $0 / Double(global) })
    }
    var tensors = [tensor("scales", scales.scales)]
    if scales.layout.isTwoSided {
      tensors.append(tensor("negative_scales", scales.negativeScales))
    }
    if type.isBesideGlobal || global != 1 {
      tensors.append(
        Tensor(name: "\(layer).global_scale", dtype: .f32, shape: [], values: [global]))
    }
    return tensors
  }
}
