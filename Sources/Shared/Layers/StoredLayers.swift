import Streams
import Tensors

/// The linear layers that a file holds: packed where it is what `fpq-pack` wrote, else float.
package struct StoredLayers {
  package let source: any TensorSource
  /// Nil for float weights.
  private let packed: PackedLayout?

  /// - Throws: `Failure` for a file of these tools that is no packed one.
  package init(_ source: any TensorSource) throws {
    packed = StreamMetadata.isStream(source) ? try PackedLayout(of: source) : nil
    // Rounding inputs would hide that one of the few float numbers of a packed layer is none. Of
    // float weights, which may be 19 GB, only what they make of texts is looked at.
    self.source = packed == nil ? source : FiniteTensors(source)
  }

  /// The layer of `role`, its weight mapped.
  ///
  /// - Throws: `Failure` naming the tensor that is missing or does not fit.
  package func linear(
    _ role: LayerRole, inputs: Int, outputs: Int, hasBias: Bool = true
  ) throws -> Linear {
    if let packed {
      return try packed.linear(
        role, inputs: inputs, outputs: outputs, hasBias: hasBias, from: source)
    }
    return try Linear(role, inputs: inputs, outputs: outputs, hasBias: hasBias, from: source)
  }

  /// A table of `rows` vectors [rows][width], by the name of its tensor without `.weight`.
  ///
  /// - Throws: `Failure` naming the tensor that is missing or does not fit.
  package func table(_ name: String, rows: Int, width: Int) throws -> Linear {
    try linear(
      LayerRole(name, kind: .tokenEmbedding, rows: .text), inputs: width, outputs: rows,
      hasBias: false)
  }
}
