import Kernels
import Layers
import Tensors

/// A linear layer of a model with its parameters as variables.
package struct TapedLinear {
  /// Its name in the model's file.
  package let name: String
  /// [outputs][inputs], a copy of the model's.
  package let weight: Variable
  /// [1][outputs].
  package let bias: Variable?
  package let preparation: QuantizedTokens.Preparation?

  /// Copies the parameters of `layer`.
  ///
  /// - Throws: `Failure` naming the layer when its weight is packed.
  package init(_ layer: Linear, options: TapedOptions) throws {
    name = layer.name
    weight = Variable(
      try layer.floatWeight(), wantsGradient: options.wantsGradient("\(layer.name).weight"))
    bias = layer.bias.map {
      Variable(
        Matrix(rows: 1, columns: $0.count, values: $0),
        wantsGradient: options.wantsGradient("\(layer.name).bias"))
    }
    preparation = options.preparation(layer.name)
  }

  /// Weight and bias under their names in the file.
  package var parameters: [(name: String, variable: Variable)] {
    [("\(name).weight", weight)] + (bias.map { [("\(name).bias", $0)] } ?? [])
  }

  /// The products of layers that read the same `x` [rows][inputs]; an input that several prepare
  /// alike is prepared once.
  package static func project(
    _ layers: [TapedLinear], _ x: Variable, on tape: Tape
  ) -> [Variable] {
    var made: [(how: QuantizedTokens.Preparation, x: Variable)] = []
    func prepared(_ how: QuantizedTokens.Preparation) -> Variable {
      if let earlier = made.first(where: { $0.how == how }) { return earlier.x }
      made.append((how, tape.prepare(x, how)))
      return made[made.count - 1].x
    }
    return layers.map { layer in
      tape.linear(layer.preparation.map(prepared) ?? x, weight: layer.weight, bias: layer.bias)
    }
  }
}
