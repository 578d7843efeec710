import Platform
import Streams

/// One safetensors file or stdout: one packed part alone, as it goes from tool to tool.
struct StreamExporter: Exporter {
  let name = "stream"

  func write(_ parts: [PackedModel], to destination: Destination) throws -> [WrittenFile] {
    let path = destination.path
    guard let model = parts.first, parts.count == 1 else {
      let names = parts.map(\.metadata.part).joined(separator: ", ")
      throw Failure(path, "expected one part for a stream, found \(names); name a folder")
    }
    return [
      try WrittenFile.write(
        model.tensors(), metadata: model.metadata.dictionary, to: path, as: path)
    ]
  }
}
