import Foundation
import Platform
import Tensors

/// All tensors of what a user names: a safetensors file, `-`, a folder of weights, or a whole
/// pipeline folder.
///
/// In a pipeline folder the parts with weights are opened, and names begin with the part:
/// `transformer/pos_embed.proj.weight`.
package struct OpenedTensors {
  package let path: String
  package let metadata: [String: String]
  package let names: [String]
  private let parts: [(prefix: String, source: any TensorSource)]

  package init(_ path: String) throws {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    guard path != "-", exists, isFolder.boolValue else {
      let file = try SafetensorsFile(path)
      self.init(path: file.path, metadata: file.metadata, parts: [("", file)])
      return
    }
    let parts = try folderContents(path).filter { Checkpoint.isPresent(in: "\(path)/\($0)") }
    if parts.isEmpty || Checkpoint.isPresent(in: path) {
      let checkpoint = try Checkpoint(folder: path)
      self.init(path: path, metadata: checkpoint.metadata, parts: [("", checkpoint)])
    } else {
      self.init(
        path: path, metadata: [:],
        parts: try parts.map { ("\($0)/", try Checkpoint(folder: "\(path)/\($0)")) })
    }
  }

  private init(
    path: String, metadata: [String: String], parts: [(prefix: String, source: any TensorSource)]
  ) {
    self.path = path
    self.metadata = metadata
    self.parts = parts
    names = parts.flatMap { part in part.source.names.map { part.prefix + $0 } }
  }

  /// The tensor called `name`, with the prefix of its part.
  package func tensor(_ name: String) throws -> Tensor {
    for (prefix, source) in parts where name.hasPrefix(prefix) {
      let inner = String(name.dropFirst(prefix.count))
      if parts.count == 1 || source.find(inner) != nil { return try source.tensor(inner) }
    }
    throw Failure(path, "expected tensor \(name), found none")
  }
}
