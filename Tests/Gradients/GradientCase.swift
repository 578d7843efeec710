import Platform
import Tensors
import TestSupport
import Testing

/// A case of Tests/References with gradients by torch, and a tolerance for each tensor.
struct GradientCase {
  let name: String
  let io: SafetensorsFile
  private let tolerances: JSON

  init(_ name: String) throws {
    self.name = name
    io = try References.tensors("\(name)/io.safetensors")
    let facts = try ModelConfig(References.path("\(name)/case.json")).json
    tolerances = try #require(facts["tolerance"]?["abs"])
  }

  /// A tensor as rows of its last dimension.
  func matrix(_ name: String) throws -> Matrix {
    let tensor = try io.tensor(name)
    let columns = try #require(tensor.shape.last)
    return Matrix(rows: tensor.count / columns, columns: columns, values: try tensor.floats())
  }

  /// Expects `found` within the case's tolerance of the tensor `expected`.
  func expect(
    _ found: Matrix, matches expected: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let limit = Float(try #require(tolerances[expected]?.double))
    let difference = largestDifference(found.values, try io.tensor(expected).floats())
    #expect(
      difference <= limit, "\(name): \(expected) differs by \(difference), allowed \(limit)",
      sourceLocation: sourceLocation)
  }
}
