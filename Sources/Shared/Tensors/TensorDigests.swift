import Platform

/// What was written of a file's tensors: type, shape, and the SHA-256 of the bytes, taken while
/// they went out.
///
/// So a file that is read again can be held against what was meant without making it a second time.
package struct TensorDigests: Sendable {
  private struct Written: Sendable {
    let dtype: DType
    let shape: [Int]
    let sha256: String
  }

  private var tensors: [String: Written] = [:]

  package init() {}

  package mutating func add(_ name: String, dtype: DType, shape: [Int], _ digest: Digest) {
    tensors[name] = Written(dtype: dtype, shape: shape, sha256: digest.hex())
  }

  /// Compares `file` with what was written, tensor by tensor.
  ///
  /// - Throws: `Failure` naming the first tensor that differs.
  package func verify(_ file: some TensorSource) throws {
    guard Set(file.names) == Set(tensors.keys) else {
      throw Failure(file.path, "expected \(tensors.count) tensors, found \(file.names.count)")
    }
    for (name, written) in tensors.sorted(by: { $0.key < $1.key }) {
      let found = try file.tensor(name, shape: written.shape)
      guard found.dtype == written.dtype else {
        throw Failure(
          found.place, "expected \(written.dtype.rawValue), found \(found.dtype.rawValue)")
      }
      let digest = try Digest()
      digest.add(found.bytes)
      guard digest.hex() == written.sha256 else {
        throw Failure(found.place, "expected the bytes that were packed, found others")
      }
    }
  }
}
