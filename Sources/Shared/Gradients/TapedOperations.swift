import Formats
import Kernels
import Layers
import Tensors

/// Operations that are recorded on a tape, with parameters that may be learned in place of the
/// model's own.
package final class TapedOperations: Operations {
  private let tape: Tape
  private let parameters: TapedParameters
  private let samples: Int
  private let recomputes: Bool

  /// - Parameters:
  ///   - tape: records.
  ///   - parameters: of all layers and tables that are going to run.
  ///   - samples: how many samples the rows of values are of.
  ///   - recomputes: keeps only what goes into and comes out of a segment, and runs it again in the
  ///     backward pass: about twenty matrices of x's size a block less, the same gradients.
  package init(
    _ tape: Tape, _ parameters: TapedParameters, samples: Int, recomputes: Bool = false
  ) {
    (self.tape, self.parameters) = (tape, parameters)
    (self.samples, self.recomputes) = (samples, recomputes)
  }

  package func vector(
    _ table: ParameterTable, row: Int, plus vectors: Variable?, part: Int, addsOne: Bool
  ) -> Variable {
    tape.modulation(
      table: parameters[table], row: row, vectors: vectors, part: part, addsOne: addsOne,
      batch: samples)
  }

  package func project(
    _ layers: [Linear], _ input: ProjectionInput<Variable>, valid: [Bool]?
  ) -> [Variable] {
    let x = read(input)
    parameters.watch?(layers, x.value)
    return TapedLinear.project(layers.map { parameters[linear: $0.name] }, x, on: tape)
  }

  package func add(
    to x: Variable, _ layer: Linear, _ input: ProjectionInput<Variable>, gate: Variable?,
    module: String?
  ) -> Variable {
    tape.residual(x, project([layer], input, valid: nil)[0], gate: gate)
  }

  package func attention(
    _ q: Variable, _ k: Variable, _ v: Variable, heads: Int, scale: Float, keyBias: Matrix?
  ) -> Variable {
    tape.attention(
      q: q, k: k, v: v, batch: samples, heads: heads, scale: scale, keyBias: keyBias)
  }

  package func normalizeHeads(_ x: Variable, _ norm: LayerNorm) -> Variable {
    let heads = tape.reshape(x, columns: norm.scale.values.columns)
    let normalized = tape.layerNorm(
      heads, scale: parameters[norm.scale], shift: parameters[norm.shift], epsilon: norm.epsilon)
    return tape.reshape(normalized, columns: x.value.columns)
  }

  package func rotate(_ x: Variable, by positions: RotaryEmbedding) -> Variable {
    tape.rotate(x, by: positions)
  }

  package func concatenate(_ x: Variable, _ y: Variable) -> Variable { tape.concatenate(x, y) }

  package func round(_ x: Variable, to format: ActivationFormat, groupSize: Int) -> Variable {
    tape.quantize(x, to: format, groupSize: groupSize)
  }

  package func segment(
    _ x: Variable, _ body: @escaping (_ x: Variable, _ operations: TapedOperations) -> Variable
  ) -> Variable {
    guard recomputes else { return body(x, self) }
    let (parameters, samples) = (parameters, samples)
    return tape.recompute(x) { body($0, TapedOperations($1, parameters, samples: samples)) }
  }

  package func show(_ module: String, _ output: Variable) {}

  private func read(_ input: ProjectionInput<Variable>) -> Variable {
    switch input {
    case .value(let x): x
    case .normalized(let x, let scale, let shift, let epsilon):
      tape.layerNorm(x, scale: scale, shift: shift, epsilon: epsilon)
    case .gelu(let x): tape.gelu(x)
    }
  }
}
