import Streams

/// A model folder that opens like the original: the weights of packed parts replaced by a stream
/// each, the other parts copied or linked.
struct FolderExporter: Exporter {
  let name = "folder"

  func check(_ path: String) throws { try PackedFolder.check(path) }

  func check(_ parts: [String], to destination: Destination) throws {
    try PackedFolder.check(destination.path, apartFrom: destination.original)
  }

  func write(_ parts: [PackedModel], to destination: Destination) throws -> [WrittenFile] {
    let folder = try PackedFolder(
      destination.path, packed: parts.map(\.metadata.part), original: destination.original,
      links: destination.links)
    let files = try parts.map { model in
      let name = PackedFolder.weightsName(model.metadata.part)
      return try WrittenFile.write(
        model.tensors(), metadata: model.metadata.dictionary, to: folder.path(of: name),
        as: "\(destination.path)/\(name)")
    }
    try folder.commit()
    return files
  }
}
