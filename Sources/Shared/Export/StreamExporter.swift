import Streams

/// One safetensors file or stdout: the packed transformer alone, as it goes from tool to tool.
struct StreamExporter: Exporter {
  let name = "stream"

  func write(_ model: PackedModel, to destination: Destination) throws -> [WrittenFile] {
    let path = destination.path
    return [
      try WrittenFile.write(
        model.tensors(), metadata: model.metadata.dictionary, to: path, as: path)
    ]
  }
}
