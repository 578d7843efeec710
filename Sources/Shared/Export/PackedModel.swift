import Formats
import Platform
import Streams
import Tensors

/// A packed part of a model, its transformer or a text encoder, as a value: what an `Exporter`
/// writes, in whatever container.
package struct PackedModel {
  /// A quantized layer.
  package struct Layer {
    package let name: String
    /// How it is stored and run.
    package let entry: LayerFormats.Entry
    /// U8 [outputs][inputs], one code per byte.
    package let codes: Tensor
    /// Scales, zero points one per byte, and the branch; what its site shares is in `sites`.
    package let tensors: LayerTensors
    /// [outputs], corrected for what rounding and centring lose; nil: none.
    ///
    /// In f32, as what centring folds into it can be many times the layer's output.
    package let bias: [Float]?

    package var outputs: Int { codes.shape[0] }
    package var inputs: Int { codes.shape[1] }
  }

  /// In the order of the float model's tensors.
  package let layers: [Layer]
  /// `S.center`, `S.smooth` and `S.input_scale` of each input site S that has one of them, shared
  /// by the layers that read it.
  package let sites: [String: [Tensor]]
  /// All other tensors of the float part; a transformer's in F16, or in BF16 where they have it or
  /// are too large or too small for F16; a text encoder's, which are few, as they are.
  package let others: [Tensor]
  package let metadata: StreamMetadata
  /// Of the float model's tensors.
  package let floatBytes: Int

  /// Joins the codes with what they leave of the float model.
  ///
  /// - Parameters:
  ///   - codes: of all layers that are to be quantized.
  ///   - weights: the float part; what the codes' model does not use of it is left out.
  ///   - metadata: of the packed model.
  /// - Throws: `Failure` naming the tensor that is missing, does not fit, or is not finite.
  package init(
    codes: MergedCodes, weights: any TensorSource, metadata: StreamMetadata
  ) throws {
    var layers: [Layer] = []
    var sites: [String: [Tensor]] = [:]
    var others: [Tensor] = []
    var floatBytes = 0
    let unused = Set(codes.metadata.unused)
    func owner(_ name: String, _ suffix: String) -> String? {
      guard name.hasSuffix(suffix) else { return nil }
      let owner = String(name.dropLast(suffix.count))
      return codes.layers.entries[owner] == nil ? nil : owner
    }
    for name in weights.names {
      let tensor = try weights.tensor(name)
      floatBytes += tensor.bytes.count
      if unused.contains(name) { continue }
      if let layer = owner(name, ".weight") {
        let found = try codes.layer(layer)
        guard tensor.count == found.outputs * found.inputs, tensor.shape.first == found.outputs
        else {
          throw Failure(
            found.codes.place,
            "expected \(tensor.shape) as in \(tensor.origin), found \(found.codes.shape)")
        }
        layers.append(
          Layer(
            name: layer, entry: found.entry, codes: found.codes, tensors: found.tensors,
            bias: try PackedModel.bias(of: found, layer, weights)))
        if let site = found.entry.input.site, sites[site] == nil {
          sites[site] = found.tensors.shared
        }
      } else if owner(name, ".bias") == nil {
        let isShortened = tensor.dtype == .f32 && metadata.part == ModelFolder.transformerPart
        others.append(isShortened ? try tensor.inSixteenBits() : tensor)
      }
    }
    for layer in codes.layers.entries.keys where weights.find("\(layer).weight") == nil {
      throw Failure(weights.path, "expected tensor \(layer).weight, found none")
    }
    (self.layers, self.sites, self.others) = (layers, sites, others)
    (self.metadata, self.floatBytes) = (metadata, floatBytes)
  }

  /// The float bias and its correction; nil where there is neither.
  private static func bias(
    of layer: CodesFile.Layer, _ name: String, _ weights: any TensorSource
  ) throws -> [Float]? {
    let correction = layer.biasCorrection
    guard let bias = weights.find("\(name).bias") else {
      let values = try correction.floats()
      return values.contains { $0 != 0 } ? values : nil
    }
    guard correction.shape == bias.shape else {
      throw Failure(correction.place, "expected \(bias.shape), found \(correction.shape)")
    }
    let sum = zip(try bias.floats(), try correction.floats()).map { $0 + $1 }
    guard sum.allSatisfy(\.isFinite) else { throw weights.notFinite(bias.name) }
    return sum
  }
}

extension Tensor {
  /// F32 values as F16, or as BF16 when they are too large for F16, or all too small for its whole
  /// precision; to nearest, ties to even.
  ///
  /// - Throws: `Failure` naming the tensor when a value is not finite.
  fileprivate func inSixteenBits() throws -> Tensor {
    let values = try floats()
    guard values.allSatisfy(\.isFinite) else {
      throw Failure(name, "expected finite numbers, found NaN or infinity")
    }
    let largest = values.reduce(0) { max($0, abs($1)) }
    let isSmall = largest > 0 && largest < Float(Float16.leastNormalMagnitude)
    if isSmall || values.contains(where: { !Float16($0).isFinite }) {
      // Round to nearest, ties to even, by adding half of what is cut off.
      let halves = values.map { value in
        let bits = value.bitPattern
        return UInt16(truncatingIfNeeded: (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
      }
      return Tensor(name: name, dtype: .bf16, shape: shape, values: halves)
    }
    return Tensor(name: name, dtype: .f16, shape: shape, values: values.map { Float16($0) })
  }
}
