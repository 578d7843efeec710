import CCrypto
import Platform

/// SHA-256 of bytes as they come, by libcrypto, which uses the processor's SHA instructions.
package final class Digest {
  private let context: OpaquePointer

  /// - Throws: `Failure` when libcrypto has no memory or no SHA-256.
  package init() throws {
    guard let context = EVP_MD_CTX_new() else { throw Failure("no memory for SHA-256") }
    guard EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
      EVP_MD_CTX_free(context)
      throw Failure("libcrypto offers no SHA-256")
    }
    self.context = context
  }

  deinit { EVP_MD_CTX_free(context) }

  package func add(_ bytes: UnsafeRawBufferPointer) {
    if let base = bytes.baseAddress { EVP_DigestUpdate(context, base, bytes.count) }
  }

  /// Adds the text as UTF-8.
  package func add(_ text: String) {
    var text = text
    text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
  }

  /// The digest, 32 bytes; nothing can be added after it.
  func bytes() -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    EVP_DigestFinal_ex(context, &digest, nil)
    return digest
  }

  /// The digest, 64 hexadecimal digits; nothing can be added after it.
  package func hex() -> String {
    bytes().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
