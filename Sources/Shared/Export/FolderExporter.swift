import Streams

/// A model folder that opens like the original: its other parts copied or linked, the transformer's
/// weights replaced by a stream.
struct FolderExporter: Exporter {
  let name = "folder"

  func write(_ model: PackedModel, to destination: Destination) throws -> [WrittenFile] {
    let folder = try PackedFolder(
      destination.path, original: destination.original, links: destination.links)
    let file = try WrittenFile.write(
      model.tensors(), metadata: model.metadata.dictionary, to: folder.weightsPath,
      as: "\(destination.path)/\(PackedFolder.weightsName)")
    try folder.commit()
    return [file]
  }
}
