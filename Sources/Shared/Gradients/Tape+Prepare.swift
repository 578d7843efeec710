import Kernels
import Tensors

extension Tape {
  /// The input of a linear layer as a packed layer would be given it: transformed, then rounded.
  ///
  /// - Parameters:
  ///   - x: [tokens][inputs].
  ///   - how: the transform and the format, either of which may be missing; scales are found
  ///     online.
  /// - Returns: [tokens][inputs].
  package func prepare(_ x: Variable, _ how: QuantizedTokens.Preparation) -> Variable {
    precondition(how.staticScale == nil, "a static scale on a tape")
    let turned = how.transform.map { transform(x, by: $0) } ?? x
    return how.activation.map {
      quantize(turned, to: $0, groupSize: how.groupSize, parts: how.parts)
    } ?? turned
  }

  /// y = H ((x - center) / smooth), H the symmetric Hadamard transform of each block of channels.
  ///
  /// dx = (H dy) / smooth.
  ///
  /// - Parameters:
  ///   - x: [tokens][inputs].
  ///   - transform: center, smooth and blocks.
  /// - Returns: [tokens][inputs].
  package func transform(_ x: Variable, by transform: InputTransform) -> Variable {
    let dx = x.gradient
    return record(transform(x.value), from: [dx]) { dy in
      transform.pullBack(dy)
      dx?.add(dy)
    }
  }
}
