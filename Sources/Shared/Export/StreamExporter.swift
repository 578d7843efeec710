import Platform
import Streams

/// One safetensors file or stdout: one packed part alone, as it goes from tool to tool.
struct StreamExporter: Exporter {
  let name = "stream"

  func check(_ parts: [String], to destination: Destination) throws {
    guard parts.count == 1 else {
      let names = parts.joined(separator: ", ")
      throw Failure(
        destination.path, "expected one part for a stream, found \(names); name a folder")
    }
  }

  func write(_ parts: [PackedModel], to destination: Destination) throws -> [WrittenFile] {
    try check(parts.map(\.metadata.part), to: destination)
    let path = destination.path
    return try parts.map {
      try WrittenFile.write($0.tensors(), metadata: $0.metadata.dictionary, to: path, as: path)
    }
  }
}
