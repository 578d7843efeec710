import Platform

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

  /// Refuses weights of more blocks than `blocks`, those that are read, by names that end in their
  /// numbers: a configuration that counts too few would draw other pictures without a word.
  ///
  /// - Throws: `Failure` naming the first tensor of such a block.
  package func refuseOtherBlocks(than blocks: Set<String>) throws {
    let stems = Set(
      blocks.map { block in
        block.dropLast(block.reversed().prefix(while: \.isNumber).count)
      })
    for name in unused {
      for stem in stems where name.hasPrefix(stem) {
        let number = name.dropFirst(stem.count).prefix(while: \.isNumber)
        guard number.isEmpty || blocks.contains("\(stem)\(number)") else {
          throw Failure(
            "\(path): \(name)",
            "expected a configuration that counts all blocks, found one of \(blocks.count)")
        }
      }
    }
  }

  /// Refuses tensors that nothing reads, in a file of which all are meant to be read.
  ///
  /// - Throws: `Failure` naming the first, among those that begin with one of `prefixes`.
  package func refuseUnused(beginningWith prefixes: [String] = [""]) throws {
    if let name = unused.first(where: { name in prefixes.contains { name.hasPrefix($0) } }) {
      throw Failure(
        "\(path): \(name)", "expected a configuration by which it is read, found another")
    }
  }
}
