/// Tensors of another source, each looked through for NaN and infinity when it is read.
///
/// So a damaged weight is refused by its name, before it becomes a picture that may even look like
/// one: the codes of a rounded NaN are as finite as any.
package struct FiniteTensors: TensorSource {
  private let source: any TensorSource

  package init(_ source: any TensorSource) { self.source = source }

  package var path: String { source.path }
  package var names: [String] { source.names }
  package var metadata: [String: String] { source.metadata }

  package func find(_ name: String) -> Tensor? { source.find(name) }

  /// - Throws: `Failure` as the source does, and naming a tensor that holds NaN or infinity.
  package func tensor(_ name: String) throws -> Tensor {
    let found = try source.tensor(name)
    try found.requireFinite()
    return found
  }
}
