import Tensors

/// Tensors by name, in memory.
package struct MemorySource: TensorSource {
  private let tensors: [Tensor]
  package let path = "<memory>"
  package let metadata: [String: String] = [:]

  package init(tensors: [Tensor]) { self.tensors = tensors }

  package var names: [String] { tensors.map(\.name) }

  package func find(_ name: String) -> Tensor? { tensors.first { $0.name == name } }
}
