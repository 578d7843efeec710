import Kernels
import Layers
import Streams
import Tensors

/// Two linear layers with SiLU between: diffusers' `TimestepEmbedding`, and
/// `PixArtAlphaTextProjection` with `silu_fp32`.
struct SiLUProjection: Sendable {
  let name: String
  let linear1: Linear
  let linear2: Linear

  /// Makes `<name>.linear_1` and `<name>.linear_2`.
  init(
    _ name: String, kind: LayerRole.Kind, rows: LayerRole.Rows, inputs: Int, hidden: Int,
    outputs: Int, makeLinear: LinearFactory
  ) throws {
    func role(_ part: String) -> LayerRole {
      LayerRole("\(name).\(part)", kind: kind, rows: rows)
    }
    self.name = name
    linear1 = try makeLinear(role("linear_1"), inputs, hidden)
    linear2 = try makeLinear(role("linear_2"), hidden, outputs)
  }

  var linears: [Linear] { [linear1, linear2] }

  /// x [rows][inputs] as [rows][outputs]; `valid` are the rows that are no padding.
  func callAsFunction(_ x: Matrix, valid: [Bool]? = nil, on direct: Direct) -> Matrix {
    let hidden = direct.project(linear1, x, valid: valid)
    hidden.applySiLU()
    let output = direct.project(linear2, hidden, valid: valid)
    direct.show(name, output)
    return output
  }
}

extension SiLUProjection {
  /// Of a sinusoid of 256 channels for each value that conditions a model: diffusers'
  /// `TimestepEmbedding`.
  init(sinusoid name: String, outputs: Int, makeLinear: LinearFactory) throws {
    try self.init(
      name, kind: .conditioning, rows: .samples, inputs: Embeddings.sinusoidWidth, hidden: outputs,
      outputs: outputs, makeLinear: makeLinear)
  }

  /// One embedding [outputs] per value.
  func callAsFunction(_ values: [Float], on direct: Direct) -> Matrix {
    self(Embeddings.sinusoid(values), on: direct)
  }
}
