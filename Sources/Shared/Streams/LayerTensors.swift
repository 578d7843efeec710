import Formats
import Platform
import Tensors

/// What a quantized layer `L` has beside its codes, under the same names in a codes stream and in a packed model.
///
/// `L.scales` F16 or F8_E4M3 [N][groups], with F8_E4M3 also `L.global_scale` F32 []; `L.negative_scales`, of the same type, where
/// levels below zero have their own; `L.zeros` U8 for asymmetric formats; `L.down` F16 [rank][K] and `L.up` F16 [N][rank] of a low-rank branch;
/// and, shared by the layers of an input site `S`, `S.center` F16 [K], `S.smooth` F16 [K] and `S.input_scale` F32 [].
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
  ///   - zerosPerByte: zero points of a byte, 1 or 2.
  ///   - source: the stream or model.
  /// - Throws: `Failure` naming the tensor that is missing, does not fit, or has values that are not finite.
  package init(
    _ layer: String, _ entry: LayerFormats.Entry, outputs: Int, inputs: Int, zerosPerByte: Int,
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
    let groups = entry.groups(inputs)
    guard entry.format.sharedBit == nil || groups == 1 else {
      throw Failure(
        "\(source.path): \(layer)",
        "expected one scale a row for \(entry.format), found groups of \(entry.groupSize)")
    }
    let type = entry.scaleType.dtype
    scales = try tensor("\(layer).scales", type, [outputs, groups])
    negativeScales =
      entry.isSplit ? try tensor("\(layer).negative_scales", type, [outputs, groups]) : nil
    globalScale = entry.scaleType == .e4m3 ? try tensor("\(layer).global_scale", .f32, []) : nil
    let width = (groups + zerosPerByte - 1) / zerosPerByte
    zeros =
      entry.format.isAsymmetric ? try tensor("\(layer).zeros", .u8, [outputs, width]) : nil
    down = entry.rank > 0 ? try tensor("\(layer).down", .f16, [entry.rank, inputs]) : nil
    up = entry.rank > 0 ? try tensor("\(layer).up", .f16, [outputs, entry.rank]) : nil
    func shared(_ name: String, _ dtype: DType, _ shape: [Int]) throws -> Tensor? {
      guard let site = entry.site, source.find("\(site).\(name)") != nil else { return nil }
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
    guard inputs % entry.hadamard == 0 else {
      throw Failure(
        "\(source.path): \(layer)", "expected blocks that divide \(inputs), found \(entry.hadamard)"
      )
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
  /// What is stored for a group of zeros in E4M3, whose readers may divide by it: compressed-tensors' value.
  private static let emptyScale = 0.125

  /// The tensors that store `scales` for `layer`, zero points aside.
  package static func tensors(of scales: GroupScales, layer: String) -> [Tensor] {
    let shape = [scales.rows, scales.groups]
    func tensor(_ suffix: String, _ values: [Double]) -> Tensor {
      guard case .e4m3(let global) = scales.precision else {
        return Tensor(
          name: "\(layer).\(suffix)", dtype: .f16, shape: shape, values: values.map { Float16($0) })
      }
      return Tensor(
        name: "\(layer).\(suffix)", dtype: .f8e4m3, shape: shape,
        values: values.map { Float8E4M3.bits($0 == 0 ? emptyScale : $0 / Double(global)) })
    }
    var tensors = [tensor("scales", scales.scales)]
    if !scales.negativeScales.isEmpty {
      tensors.append(tensor("negative_scales", scales.negativeScales))
    }
    if case .e4m3(let global) = scales.precision {
      tensors.append(
        Tensor(name: "\(layer).global_scale", dtype: .f32, shape: [], values: [global]))
    }
    return tensors
  }
}
