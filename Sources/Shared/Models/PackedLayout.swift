import Formats
import Kernels
import Platform
import Tensors

/// The tensors and metadata of a packed transformer.
///
/// For each quantized layer `L` the nibbles `L.weight` U8 [N][ceil(K/2)]
/// (low nibble = even k), `L.scales` F16 [N][groups] and, for asymmetric formats, `L.zeros` U8 [N][ceil(groups/2)] (packed
/// as the codes); everything else as in
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
    let groups = (inputs + entry.groupSize - 1) / entry.groupSize
    let zeros =
      entry.format.isAsymmetric
      ? try unpacked(source.tensor("\(name).zeros"), rows: outputs, columns: groups) : nil
    let matrix = try PackedMatrix(
      codes: codes, scales: source.tensor("\(name).scales"), zeros: zeros,
      inputs: inputs, format: entry.format, groupSize: entry.groupSize)
    return try Linear(
      name, packed: matrix, activations: activations,
      bias: try source.find("\(name).bias").map { _ in
        try source.tensor("\(name).bias", shape: [outputs]).floats()
      })
  }

  /// Zero points one a byte, [rows][columns], for the kernels: a hundredth of the codes' size.
  private func unpacked(_ packed: Tensor, rows: Int, columns: Int) throws -> Tensor {
    guard packed.dtype == .u8, packed.shape == [rows, (columns + 1) / 2] else {
      throw Failure(
        packed.place,
        "expected U8 [\(rows), \((columns + 1) / 2)], found \(packed.dtype.rawValue) \(packed.shape)"
      )
    }
    let values = try PackedCodes.unpackNibbles(
      Array(packed.bytes), rows: rows, columns: columns, place: packed.place)
    return Tensor(name: packed.name, dtype: .u8, shape: [rows, columns], values: values)
  }
}
