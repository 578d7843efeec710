import Formats
import Kernels
import Platform
import Streams
import Tensors

/// Operations that compute at once: inference.
package final class Direct: Operations {
  /// How many samples the rows of values are of.
  package let samples: Int
  private let observer: (any LayerObserver)?

  /// - Parameters:
  ///   - samples: how many samples the rows of values are of.
  ///   - observer: sees the inputs of layers and the outputs of modules; nil costs nothing.
  package init(samples: Int, observer: (any LayerObserver)? = nil) {
    (self.samples, self.observer) = (samples, observer)
  }

  package func vector(
    _ table: ParameterTable, row: Int, plus vectors: Matrix?, part: Int, addsOne: Bool
  ) -> Matrix {
    table.values.sums(row: row, plus: vectors, part: part, addsOne: addsOne, samples: samples)
  }

  package func project(
    _ layers: [Linear], _ input: ProjectionInput<Matrix>, valid: [Bool]? = nil
  ) -> [Matrix] {
    let x = read(input)
    observer?.observe(
      layers.map(\.role), input: x,
      samples: layers.first?.role.rows == .samples ? x.rows : samples, valid: valid)
    return Linear.products(layers, x)
  }

  /// The product of one layer for x [rows][inputs].
  package func project(_ layer: Linear, _ x: Matrix, valid: [Bool]? = nil) -> Matrix {
    project([layer], .value(x), valid: valid)[0]
  }

  package func add(
    to x: Matrix, _ layer: Linear, _ input: ProjectionInput<Matrix>, gate: Matrix?,
    module: String?
  ) -> Matrix {
    let branch = project([layer], input)[0]
    if let module { show(module, branch) }
    x.add(branch, gate: gate)
    return x
  }

  package func attention(
    _ q: Matrix, _ k: Matrix, _ v: Matrix, heads: Int, scale: Float, keyBias: Matrix?
  ) -> Matrix {
    Kernels.attention(
      q: q, k: k, v: v, batch: samples, heads: heads, scale: scale,
      bias: keyBias.map { bias in { sample, _, _ in UnsafePointer(bias.row(sample)) } })
  }

  package func normalizeHeads(_ x: Matrix, _ norm: LayerNorm) -> Matrix {
    norm(x.reshaped(columns: norm.scale.values.columns)).reshaped(columns: x.columns)
  }

  package func rotate(_ x: Matrix, by positions: RotaryEmbedding) -> Matrix {
    positions.apply(to: x)
    return x
  }

  package func concatenate(_ x: Matrix, _ y: Matrix) -> Matrix { x.concatenated(with: y) }

  package func round(_ x: Matrix, to format: ActivationFormat, groupSize: Int) -> Matrix {
    format.rounded(x, groupSize: groupSize)
  }

  package func segment(
    _ x: Matrix, _ body: @escaping (_ x: Matrix, _ operations: Direct) -> Matrix
  ) -> Matrix { body(x, self) }

  package func show(_ module: String, _ output: Matrix) {
    observer?.observe(module: module, output: output)
  }

  private func read(_ input: ProjectionInput<Matrix>) -> Matrix {
    switch input {
    case .value(let x): return x
    case .normalized(let x, let scale, let shift, let epsilon):
      return adaptiveNorm(x, scale: scale, shift: shift, epsilon: epsilon)
    case .gelu(let x):
      x.applyGELU()
      return x
    }
  }
}
