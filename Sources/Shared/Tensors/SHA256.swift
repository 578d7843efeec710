import Platform

/// The SHA-256 of weights, the same however they are sharded, ordered or padded in their files.
///
/// Over all tensors in the order of their names (as UTF-8 bytes): a line `"name" F32 [2,3]` with
/// the name as a JSON string, a newline, then the tensor's little-endian bytes.
package enum SHA256 {
  /// The digest as 64 hexadecimal digits.
  package static func hex(of source: some TensorSource) throws -> String {
    let digest = try Digest()
    let names = source.names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    for name in names {
      let tensor = try source.tensor(name)
      digest.add(SafetensorsWriter.Heading(tensor).line)
      digest.add(tensor.bytes)
      // A text encoder of 19 GB would stay where it is not needed again.
      tensor.letGo()
    }
    return digest.hex()
  }
}
