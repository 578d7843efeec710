import Formats
import Kernels
import Rounding
import Streams
import Tensors

/// A float model's tensors with those of rounded layers in their place, for running it with a
/// rounded prefix.
///
/// A layer whose input is prepared becomes one that reads the input itself.
package struct RoundedWeights: TensorSource {
  private let original: any TensorSource
  private let replaced: [String: Tensor]

  package var path: String { original.path }
  package var names: [String] { original.names }
  package var metadata: [String: String] { original.metadata }

  /// - Throws: `Failure` for a layer without a bias to correct.
  package init(_ original: any TensorSource, layers: [FinishedLayer]) throws {
    self.original = original
    var replaced: [String: Tensor] = [:]
    for layer in layers {
      let (name, outputs) = (layer.role.name, layer.rounded.biasCorrection.count)
      let (weight, bias) = layer.rounded.unprepared(
        layer.transform,
        bias: try original.tensor("\(name).bias", shape: [outputs]).floats())
      replaced["\(name).weight"] = Tensor(
        name: "\(name).weight", dtype: .f32, shape: [weight.rows, weight.columns],
        values: weight.values)
      replaced["\(name).bias"] = Tensor(
        name: "\(name).bias", dtype: .f32, shape: [weight.rows], values: bias)
    }
    self.replaced = replaced
  }

  package func find(_ name: String) -> Tensor? { replaced[name] ?? original.find(name) }
}

extension RoundedLayer {
  /// The layer as one that reads x itself instead of x' = H ((x - c) / s).
  ///
  /// - Parameters:
  ///   - transform: how x becomes x'.
  ///   - bias: the float layer's, [outputs].
  /// - Returns: V H diag(1/s), [outputs][inputs], and the bias with what is left of the centre,
  ///   [outputs].
  func unprepared(
    _ transform: InputTransform, bias: [Float]
  ) -> (weight: Matrix, bias: [Float]) {
    let weight = values()
    transform.pullBack(weight)
    return (
      weight,
      bias.indices.map { row in
        var sum = Double(bias[row]) + Double(biasCorrection[row])
        transform.center?.withUnsafeBufferPointer {
          sum -= dot(weight.columns, weight.row(row), $0.baseAddress!)
        }
        return Float(sum)
      }
    )
  }
}
