import Foundation
import Tensors

/// Classifier-free guidance (arXiv 2207.12598):
/// `unconditional + scale * (conditional - unconditional)`.
///
/// - Parameters:
///   - unconditional: the model's output for the negative prompt, any shape.
///   - conditional: its output for the prompt, the same shape.
///   - scale: the guidance scale; 1 gives `conditional`.
/// - Returns: the guided output, of the same shape.
package func guided(unconditional: Matrix, conditional: Matrix, scale: Float) -> Matrix {
  combine(unconditional, conditional) { $0 + scale * ($1 - $0) }
}

/// Guidance brought back towards the spread of the conditional output (arXiv 2305.08891, section
/// 3.4; `rescale_noise_cfg` of diffusers): `r g std(conditional) / std(g) + (1 - r) g`.
///
/// - Parameters:
///   - guided: the guided output g of one sample, any shape.
///   - conditional: the model's output for the prompt, the same shape.
///   - factor: r; 0 changes nothing.
/// - Returns: of the same shape. Deviations are over all elements, unbiased, in f64.
package func rescaled(_ guided: Matrix, to conditional: Matrix, factor: Float) -> Matrix {
  func deviation(_ x: Matrix) -> Double {
    let values = x.values.map { Double($0) }
    let mean = values.reduce(0, +) / Double(values.count)
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (squares / Double(values.count - 1)).squareRoot()
  }
  let ratio = Float(deviation(conditional) / deviation(guided))
  return combine(guided, guided) { g, _ in factor * (g * ratio) + (1 - factor) * g }
}
