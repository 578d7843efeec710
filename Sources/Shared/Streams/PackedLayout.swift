import Formats
import Platform
import Tensors

/// The tensors and metadata of a packed transformer.
///
/// For each quantized layer `L` the codes `L.weight` (4 bits: U8 [N][ceil(K/2)], low nibble = even
/// k; a shared bit: U16, as `PackedWords` has it), what `LayerTensors` lists, with zero points two
/// a byte, and `L.bias` F32; everything else as in the float model, in 16 bits. Formats by layer
/// under `fpq.layers`, the activation format of layers that have none of their own under
/// `fpq.activations`, that of query, key and value under `fpq.attention`.
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
}
