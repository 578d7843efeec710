import Platform
import Tensors

/// What a model's output stands for: the noise, the velocity (arXiv 2202.00512), or the clean
/// sample.
enum Prediction: String {
  case epsilon
  case velocity = "v_prediction"
  case sample

  init(_ config: ModelConfig, of supported: [Prediction]) throws {
    self = try config.choice("prediction_type", of: supported, default: .epsilon)
  }

  /// The clean sample that `output` implies for latents = alpha * sample + sigma * noise.
  func original(_ output: Matrix, latents: Matrix, alpha: Float, sigma: Float) -> Matrix {
    switch self {
    case .epsilon: combine(latents, output) { ($0 - sigma * $1) / alpha }
    case .velocity: combine(latents, output) { alpha * $0 - sigma * $1 }
    case .sample: output
    }
  }
}

/// A new matrix of `body(a[i], b[i])`.
@inline(__always)
func combine(_ a: Matrix, _ b: Matrix, _ body: (Float, Float) -> Float) -> Matrix {
  let result = Matrix(rows: a.rows, columns: a.columns)
  for index in 0..<a.count { result.pointer[index] = body(a.pointer[index], b.pointer[index]) }
  return result
}

/// Normal noise for latents of the shape of `latents`: all from one generator, or each sample from
/// its own.
func noise(like latents: Matrix, from generators: [TorchGenerator]) -> Matrix {
  precondition(
    generators.count == 1 || generators.count == latents.rows,
    "\(generators.count) generators for \(latents.rows) samples")
  let perDraw = latents.count / generators.count
  return Matrix(
    rows: latents.rows, columns: latents.columns, values: generators.flatMap { $0.randn(perDraw) })
}
