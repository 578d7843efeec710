import Platform
import Streams
import Tensors

/// A container: writes packed parts of a model in one layout of files.
///
/// A new one is a file of its own and a line in `Exporters.all`. It implements
/// - `name`, which tells it from the others;
/// - `check`, where it does not take every destination and all parts;
/// - `write`, which takes the layers as the value has them (`PackedModel.Layer`: codes one per
///   byte, scales and zero points by group, `WeightLayout` to pack and to tell what they mean) and
///   makes its own tensors of them, or takes `PackedModel.tensors()`, our own layout. Bits per
///   weight are in `PackedModel.summary()`. A combination that the container does not have is
///   refused with a `Failure` that names the layer, before anything is written; what is written
///   appears complete or not at all (`OutputFile`, `OutputFolder`). A safetensors file goes out by
///   `WrittenFile.write`, which takes digests as it goes, so that `--verify` works for it.
///
/// It may not ask how codes were chosen: `Export` imports no `Rounding`.
package protocol Exporter: Sendable {
  var name: String { get }

  /// Refuses a destination that the container cannot be written to, before anything is read.
  func check(_ path: String) throws

  /// Refuses what `write` would refuse of parts of these names, before anything is packed.
  func check(_ parts: [String], to destination: Destination) throws

  /// Writes `parts` of one model, which are packed, to `destination`.
  ///
  /// - Returns: what was written of each part, in their order, under the names by which it can be
  ///   read.
  /// - Throws: `Failure` when it cannot be written, or when the container does not have what the
  ///   model needs.
  func write(_ parts: [PackedModel], to destination: Destination) throws -> [WrittenFile]
}

extension Exporter {
  package func check(_ path: String) throws {}
  package func check(_ parts: [String], to destination: Destination) throws {}
}

/// Where a packed model goes.
package struct Destination {
  /// A file or a folder; `-`: stdout.
  package let path: String
  /// The model whose other parts go along, where a container has them.
  package let original: ModelFolder
  /// Whether those are linked instead of copied.
  package let links: Bool

  package init(path: String, original: ModelFolder, links: Bool) {
    (self.path, self.original, self.links) = (path, original, links)
  }
}

/// The containers that there are.
package enum Exporters {
  private static let all: [any Exporter] = [
    StreamExporter(),
    FolderExporter(),
  ]

  package static var names: [String] { all.map(\.name) }

  /// The container called `name`.
  ///
  /// - Throws: `Failure` naming all of them when there is none.
  package static func named(_ name: String) throws -> any Exporter {
    guard let found = all.first(where: { $0.name == name }) else {
      throw Failure(
        "container \(name): expected one of \(names.joined(separator: ", "))")
    }
    return found
  }

  /// What the name of a destination asks for: a stream for stdout and `.safetensors`, else a
  /// folder.
  package static func usualName(for path: String) -> String {
    path == "-" || path.hasSuffix(".safetensors") ? "stream" : "folder"
  }
}
