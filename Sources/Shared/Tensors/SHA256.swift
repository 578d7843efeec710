import CCrypto
import Platform

/// The SHA-256 of weights, the same however they are sharded, ordered or padded in their files.
///
/// Over all tensors in the order of their names (as UTF-8 bytes): a line `"name" F32 [2,3]` with
/// the name as a JSON string, a newline, then the tensor's little-endian bytes. By libcrypto, which
/// uses the processor's SHA instructions.
package enum SHA256 {
  /// The digest as 64 hexadecimal digits.
  package static func hex(of source: some TensorSource) throws -> String {
    guard let context = EVP_MD_CTX_new() else { throw Failure("no memory for SHA-256") }
    defer { EVP_MD_CTX_free(context) }
    guard EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
      throw Failure("libcrypto offers no SHA-256")
    }
    let names = source.names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    for name in names {
      let tensor = try source.tensor(name)
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      let title = Array("\(JSON.quote(name)) \(tensor.dtype.rawValue) [\(shape)]\n".utf8)
      title.withUnsafeBytes { _ = EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
      let bytes = tensor.bytes
      if let base = bytes.baseAddress { EVP_DigestUpdate(context, base, bytes.count) }
    }
    var digest = [UInt8](repeating: 0, count: 32)
    EVP_DigestFinal_ex(context, &digest, nil)
    return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
