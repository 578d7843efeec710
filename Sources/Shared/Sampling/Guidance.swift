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
