import Formats
import Platform
import Streams
import Tensors

/// Codes of all layers of one model, from one file or from shards of layers.
package struct MergedCodes {
  package let metadata: StreamMetadata
  package let layers: LayerFormats
  private let home: [String: CodesFile]

  /// The files, for messages.
  package let path: String

  /// - Throws: `Failure` naming the layer for one that is missing, or in two shards, or shards of
  ///   different models or plans.
  package init(_ shards: [CodesFile]) throws {
    guard let first = shards.first else { throw Failure("expected codes, found no file") }
    var home: [String: CodesFile] = [:]
    var entries: [String: LayerFormats.Entry] = [:]
    for shard in shards {
      guard shard.metadata.modelSHA256 == first.metadata.modelSHA256 else {
        throw Failure(shard.path, "expected the same model as \(first.path), found another")
      }
      guard shard.planned == first.planned, shard.metadata.history == first.metadata.history else {
        throw Failure(shard.path, "expected the same settings as \(first.path), found others")
      }
      for (layer, entry) in shard.layers.entries.sorted(by: { $0.key < $1.key }) {
        if let other = home[layer] {
          throw Failure(shard.path, "layer \(layer) is in \(other.path) too")
        }
        home[layer] = shard
        entries[layer] = entry
      }
    }
    let missing = first.planned.filter { home[$0] == nil }
    guard missing.isEmpty else {
      throw Failure(
        shards.map(\.path).joined(separator: ", "),
        "expected \(first.planned.count) layers, \(missing.count) are missing, first \(missing[0])")
    }
    metadata = first.metadata
    layers = LayerFormats(entries)
    self.home = home
    path = shards.map(\.path).joined(separator: ", ")
  }

  package func layer(_ name: String) throws -> CodesFile.Layer {
    guard let file = home[name] else { throw Failure(path, "expected layer \(name), found none") }
    return try file.layer(name)
  }
}
