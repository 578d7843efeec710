/// Tensors of another source, which keeps in mind the names that were asked for.
package final class WatchedTensors: TensorSource {
  private let source: any TensorSource
  private var asked: Set<String> = []

  package init(_ source: any TensorSource) { self.source = source }

  package var path: String { source.path }
  package var names: [String] { source.names }
  package var metadata: [String: String] { source.metadata }

  package func find(_ name: String) -> Tensor? {
    asked.insert(name)
    return source.find(name)
  }

  /// The names that nobody asked for, in the source's order.
  package var unused: [String] { names.filter { !asked.contains($0) } }
}
