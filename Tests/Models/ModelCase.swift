import Foundation
import Layers
import Models
import Platform
import Streams
import Tensors
import TestSupport
import Testing

extension ModelCase {
  /// The case's tolerance as a fraction of the largest output; inner outputs have the same fraction
  /// of theirs.
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

extension ModelCase {
  /// What `open` says of a folder with the case's weights and a changed configuration, without the
  /// folder's name; "none" when it takes it.
  func refusal(
    changing key: String, to value: String, by open: (_ folder: String) throws -> Void
  ) throws -> String {
    let folder = try TemporaryFolder()
    for file in weights.files {
      let name = URL(fileURLWithPath: file.path).lastPathComponent
      try FileManager.default.copyItem(atPath: file.path, toPath: folder.file(name))
    }
    try folder.write("config.json", config(changing: key, to: value).text.utf8)
    do {
      try open(folder.path)
      return "none"
    } catch let failure as Failure {
      return failure.description.replacing("\(folder.path)/", with: "")
    }
  }
}

/// Keeps copies of everything a model shows.
final class Recorder: LayerObserver {
  struct Site: Equatable {
    let name: String
    let layers: [String]
    let rows: Int
    let columns: Int
    let samples: Int
    let valid: [Bool]?
  }

  private(set) var sites: [Site] = []
  private(set) var modules: [String: [Float]] = [:]
  /// By site.
  private(set) var inputs: [String: [Float]] = [:]

  func observe(_ layers: [LayerRole], input: Matrix, samples: Int, valid: [Bool]?) {
    sites.append(
      Site(
        name: layers[0].site, layers: layers.map(\.name), rows: input.rows,
        columns: input.columns, samples: samples, valid: valid))
    inputs[layers[0].site] = input.values
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
