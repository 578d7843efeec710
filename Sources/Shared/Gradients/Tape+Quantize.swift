import Formats
import Kernels
import Tensors

extension Tape {
  /// y = x rounded to a low-bit format as the inputs of packed layers are, with the
  /// straight-through estimator: dx = dy.
  ///
  /// The scale follows each token's maximum, so nothing is clipped, and its own gradient is left
  /// out (as in FP4DiT).
  ///
  /// - Parameters:
  ///   - x: [tokens][inputs].
  ///   - format: one that `QuantizedTokens.Preparation` accepts.
  ///   - groupSize: inputs per scale where the format has a scale per group.
  ///   - parts: parts of a token with a scale each where the format has a scale per token.
  /// - Returns: [tokens][inputs], code * scale.
  package func quantize(
    _ x: Variable, to format: ActivationFormat, groupSize: Int, parts: Int = 1
  ) -> Variable {
    let y = format.rounded(x.value, groupSize: groupSize, parts: parts)
    let dx = x.gradient
    return record(y, from: [dx]) { dy in dx?.add(dy) }
  }
}
