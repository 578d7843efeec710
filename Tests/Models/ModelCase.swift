import Foundation
import Models
import Platform
import Tensors
import TestSupport
import Testing

/// A model of Tests/References: its configuration, weights, golden tensors and tolerance.
struct ModelCase {
  let name: String
  let config: ModelConfig
  let weights: Checkpoint
  let io: SafetensorsFile
  let facts: JSON

  init(_ name: String) throws {
    self.name = name
    config = try ModelConfig(References.path("\(name)/config.json"))
    weights = try Checkpoint(folder: References.path(name))
    io = try References.tensors("\(name)/io.safetensors")
    facts = try ModelConfig(References.path("\(name)/case.json")).json
  }

  /// The case's configuration with the line of `key` replaced, or added at the top.
  func config(changing key: String, to value: String) throws -> ModelConfig {
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

  func floats(_ tensor: String) throws -> [Float] { try io.tensor(tensor).floats() }

  func shape(_ tensor: String) throws -> [Int] { try io.tensor(tensor).shape }

  /// The case's tolerance as a fraction of the largest output; inner outputs have the same fraction of theirs.
  func relativeTolerance() throws -> Float {
    let tolerance = try #require(facts["tolerance"])
    let (absolute, largest) = (tolerance["abs"]?.double, tolerance["output_max_abs"]?.double)
    return Float(try #require(absolute) / #require(largest))
  }

  /// Expects `found` within the case's tolerance of the golden tensor `expected`.
  func expect(
    _ found: [Float], matches expected: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let golden = try floats(expected)
    let limit = try relativeTolerance() * (golden.map(abs).max() ?? 0)
    let difference = largestDifference(found, golden)
    #expect(
      difference <= limit, "\(name): \(expected) differs by \(difference), allowed \(limit)",
      sourceLocation: sourceLocation)
  }
}

/// Keeps copies of everything a model shows.
final class Recorder: LayerObserver {
  struct Site: Equatable {
    let name: String
    let layers: [String]
    let rows: Int
    let columns: Int
    let valid: [Bool]?
  }

  private(set) var sites: [Site] = []
  private(set) var modules: [String: [Float]] = [:]

  func observe(site: String, layers: [String], input: Matrix, valid: [Bool]?) {
    sites.append(
      Site(name: site, layers: layers, rows: input.rows, columns: input.columns, valid: valid))
  }

  func observe(module: String, output: Matrix) { modules[module] = output.values }
}

/// A source with some tensors taken away or replaced by others, for what must be refused.
struct AlteredSource: TensorSource {
  let base: any TensorSource
  var removed: Set<String> = []
  var replaced: [String: Tensor] = [:]

  var path: String { base.path }
  var names: [String] { base.names.filter { !removed.contains($0) } }
  var metadata: [String: String] { base.metadata }

  func find(_ name: String) -> Tensor? {
    removed.contains(name) ? nil : replaced[name] ?? base.find(name)
  }
}
