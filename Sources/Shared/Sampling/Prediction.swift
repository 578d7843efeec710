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

  /// The noise that `output` implies for latents = alpha * sample + sigma * noise.
  func noise(_ output: Matrix, latents: Matrix, alpha: Float, sigma: Float) -> Matrix {
    switch self {
    case .epsilon: output
    case .velocity: combine(output, latents) { alpha * $0 + sigma * $1 }
    case .sample: combine(latents, output) { ($0 - alpha * $1) / sigma }
    }
  }

  /// Refuses a model of the noise where nothing else is left, cumulative `alphas` of 0: any clean
  /// sample would do, and the original divides by 0.
  func requireSignal(_ alphas: [Float], _ config: ModelConfig) throws {
    guard self != .epsilon || alphas.allSatisfy({ $0 > 0 }) else {
      throw Failure(
        config.path,
        "prediction_type: expected v_prediction or sample at a timestep without signal "
          + "(rescale_betas_zero_snr), found epsilon")
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
