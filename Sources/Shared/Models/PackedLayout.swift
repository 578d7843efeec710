import Formats
import Kernels
import Platform
import Tensors

/// The tensors and metadata of a packed transformer.
///
/// For each quantized layer `L` the codes `L.weight` (4 bits: U8 [N][ceil(K/2)], low nibble = even k; a shared bit: U16, as `PackedWords`
/// has it), what `LayerTensors` lists, with zero points two a byte, and `L.bias` F32; everything else as in the float model, in 16 bits.
/// Formats by layer under `fpq.layers`, the activation format of layers that have none of their own under `fpq.activations`, that of
/// query, key and value under `fpq.attention`.
package struct PackedLayout: Sendable {
  package let metadata: StreamMetadata
  package let layers: LayerFormats
  /// The activation format of layers that have none of their own; nil: inputs stay in f32.
  package let activations: ActivationFormat?
  /// How query, key and value are rounded.
  package let attention: AttentionFormat

  /// Reads the metadata of `source`.
  ///
  /// - Throws: `Failure` when it is not a packed transformer.
  package init(of source: any TensorSource) throws {
    metadata = try StreamMetadata(of: source, expected: .packed)
    layers = try LayerFormats(
      json: metadata.setting("layers", in: source.path), place: source.path)
    activations =
      layers.haveOwnActivations
      ? nil : try ActivationFormat.parse(metadata.setting("activations", in: source.path))
    attention = try AttentionFormat(metadata.setting("attention", in: source.path))
  }

  /// The linear layer `name`, packed when the metadata lists it, float otherwise.
  ///
  /// - Parameters:
  ///   - name: of the layer.
  ///   - inputs: K.
  ///   - outputs: N.
  ///   - activations: how inputs are quantized, instead of what the layer itself asks for.
  ///   - source: the packed model.
  /// - Returns: the layer, its weights mapped.
  /// - Throws: `Failure` naming the tensor that is missing or does not fit.
  package func linear(
    _ name: String, inputs: Int, outputs: Int, activations: RunPrecision.Activations,
    from source: any TensorSource
  ) throws -> Linear {
    guard let entry = layers.entries[name] else {
      return try Linear(name, inputs: inputs, outputs: outputs, from: source)
    }
    let tensors = try LayerTensors(
      name, entry, outputs: outputs, inputs: inputs, zerosPerByte: 2, from: source)
    let weight = try PackedWeight(
      codes: source.tensor("\(name).weight"), tensors, entry, outputs: outputs, inputs: inputs)
    let transform = InputTransform(
      center: try tensors.center?.floats(), smooth: try tensors.smooth?.floats(),
      hadamard: entry.hadamard)
    let format =
      switch activations {
      case .asPacked: try entry.activations.map(ActivationFormat.parse) ?? self.activations
      case .use(let format): format
      }
    let own = entry.activations ?? self.activations?.description
    if let format, format.granularity == .static, let own, own != format.description {
      throw Failure(
        "activations \(format): expected \(own), for which \(name) has a scale, or one found online"
      )
    }
    let preparation = try QuantizedTokens.Preparation(
      transform: transform.isIdentity ? nil : transform,
      activation: entry.isNonnegative ? format?.nonnegative : format,
      staticScale: try tensors.inputScale?.floats()[0], groupSize: min(entry.groupSize, inputs))
    return Linear(
      name, packed: weight, preparation: preparation,
      bias: try source.find("\(name).bias").map { _ in
        try source.tensor("\(name).bias", shape: [outputs]).floats()
      })
  }
}
