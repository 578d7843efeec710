import Foundation
import Tensors

/// A model of Tests/References: its configuration, weights, golden tensors and tolerance.
package struct ModelCase {
  package let name: String
  package let config: ModelConfig
  package let weights: Checkpoint
  package let io: SafetensorsFile
  package let facts: JSON

  package init(_ name: String) throws {
    self.name = name
    config = try ModelConfig(References.path("\(name)/config.json"))
    weights = try Checkpoint(folder: References.path(name))
    io = try References.tensors("\(name)/io.safetensors")
    facts = try ModelConfig(References.path("\(name)/case.json")).json
  }

  /// The case's configuration with the line of `key` replaced, or added at the top.
  package func config(changing key: String, to value: String) throws -> ModelConfig {
    let text = try String(contentsOfFile: config.path, encoding: .utf8)
    let member = "\"\(key)\": \(value)"
    let changed =
      text.contains("\"\(key)\":")
      ? text.replacing(
        try Regex("\"\(key)\": *(null|true|false|[0-9.e-]+|\"[^\"]*\"|\\[[^\\]]*\\])"), with: member
      )
      : text.replacing("{", with: "{\(member), ", maxReplacements: 1)
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).json")
    defer { try? FileManager.default.removeItem(at: file) }
    try changed.write(to: file, atomically: true, encoding: .utf8)
    return try ModelConfig(file.path)
  }

  package func floats(_ tensor: String) throws -> [Float] { try io.tensor(tensor).floats() }

  package func shape(_ tensor: String) throws -> [Int] { try io.tensor(tensor).shape }
}
