import Formats
import Kernels
import Tensors

/// A float model's tensors with those of rounded layers in their place, for running it with a rounded prefix.
///
/// The weight of a layer whose input is prepared, x' = H ((x - c) / s), becomes V H diag(1/s), which reads x itself; what is left of the centre
/// goes into the bias.
package struct RoundedWeights: TensorSource {
  /// A rounded layer, and how its input is prepared.
  package typealias Layer = (rounded: RoundedLayer, transform: InputTransform)

  private let original: any TensorSource
  private let replaced: [String: Tensor]

  package var path: String { original.path }
  package var names: [String] { original.names }
  package var metadata: [String: String] { original.metadata }

  /// - Throws: `Failure` for a layer without a bias to correct.
  package init(_ original: any TensorSource, layers: [String: Layer]) throws {
    self.original = original
    var replaced: [String: Tensor] = [:]
    for (name, layer) in layers {
      let (weight, transform) = (layer.rounded.values(), layer.transform)
      transform.pullBack(rows: weight.rows, columns: weight.columns, weight.pointer)
      var bias = zip(
        try original.tensor("\(name).bias", shape: [weight.rows]).floats(),
        layer.rounded.biasCorrection
      ).map { Double($0) + Double($1) }
      if let center = transform.center {
        for row in 0..<weight.rows {
          bias[row] -= center.withUnsafeBufferPointer {
            dot(weight.columns, weight.row(row), $0.baseAddress!)
          }
        }
      }
      replaced["\(name).weight"] = Tensor(
        name: "\(name).weight", dtype: .f32, shape: [weight.rows, weight.columns],
        values: weight.values)
      replaced["\(name).bias"] = Tensor(
        name: "\(name).bias", dtype: .f32, shape: [weight.rows], values: bias.map { Float($0) })
    }
    self.replaced = replaced
  }

  package func find(_ name: String) -> Tensor? { replaced[name] ?? original.find(name) }
}
