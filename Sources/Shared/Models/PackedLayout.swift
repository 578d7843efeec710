import Formats
import Kernels
import Platform
import Tensors

/// The tensors and metadata of a packed transformer.
///
/// For each quantized layer `L` the nibbles `L.weight` U8 [N][ceil(K/2)]
/// (low nibble = even k), `L.scales` F16 [N][groups] and, for asymmetric formats, `L.zeros` U8 [N][groups]; everything else as in
/// the float model, in 16 bits. Formats by layer under `fpq.layers`, the activation format under `fpq.activations`.
package struct PackedLayout: Sendable {
  package let metadata: StreamMetadata
  package let layers: LayerFormats
  /// The activation format the model was made for; nil: inputs stay in f32.
  package let activations: ActivationFormat?

  /// Reads the metadata of `source`.
  ///
  /// - Throws: `Failure` when it is not a packed transformer.
  package init(of source: any TensorSource) throws {
    metadata = try StreamMetadata(of: source, expected: .packed)
    layers = try LayerFormats(
      json: metadata.setting("layers", in: source.path), place: source.path)
    activations = try ActivationFormat.parse(metadata.setting("activations", in: source.path))
  }

  /// The linear layer `name`, packed when the metadata lists it, float otherwise.
  package func linear(
    _ name: String, inputs: Int, outputs: Int, activations: ActivationFormat?,
    from source: any TensorSource
  ) throws -> Linear {
    guard let entry = layers.entries[name] else {
      return try Linear(name, inputs: inputs, outputs: outputs, from: source)
    }
    let codes = try source.tensor("\(name).weight", shape: [outputs, (inputs + 1) / 2])
    let matrix = try PackedMatrix(
      codes: codes, scales: source.tensor("\(name).scales"), zeros: source.find("\(name).zeros"),
      inputs: inputs, format: entry.format, groupSize: entry.groupSize)
    return try Linear(
      name, packed: matrix, activations: activations,
      bias: try source.find("\(name).bias").map { _ in
        try source.tensor("\(name).bias", shape: [outputs]).floats()
      })
  }
}
