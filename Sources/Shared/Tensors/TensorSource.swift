import Platform

/// Anything that holds tensors by name: one safetensors file, or the shards of a checkpoint.
package protocol TensorSource {
  /// The file or folder, for messages.
  var path: String { get }
  var names: [String] { get }
  var metadata: [String: String] { get }
  func find(_ name: String) -> Tensor?
  /// The tensor called `name`, or a `Failure` naming the file and the tensor.
  func tensor(_ name: String) throws -> Tensor
}

extension TensorSource {
  /// The tensor called `name`.
  ///
  /// - Throws: `Failure` naming the file and the tensor when it is missing.
  package func tensor(_ name: String) throws -> Tensor {
    guard let found = find(name) else { throw Failure(path, "expected tensor \(name), found none") }
    return found
  }

  /// The tensor called `name`, of exactly `shape`.
  package func tensor(_ name: String, shape: [Int]) throws -> Tensor {
    let found = try tensor(name)
    guard found.shape == shape else {
      throw Failure(found.place, "expected shape \(shape), found \(found.shape)")
    }
    return found
  }
}
