import Kernels
import Tensors

extension Tape {
  /// The input of a linear layer as a packed layer would be given it: transformed, then rounded.
  ///
  /// - Parameters:
  ///   - x: [tokens][inputs].
  ///   - how: the transform and the format, either of which may be missing; scales are found online.
  /// - Returns: [tokens][inputs].
  package func prepare(_ x: Variable, _ how: QuantizedTokens.Preparation) -> Variable {
    precondition(how.staticScale == nil, "a static scale on a tape")
    let turned = how.transform.map { transform(x, by: $0) } ?? x
    return how.activation.map { quantize(turned, to: $0, groupSize: how.groupSize) } ?? turned
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
    let (input, dx) = (x.value, x.gradient)
    let y = Matrix(rows: input.rows, columns: input.columns)
    RowChunks(of: y).forEach { _, rows in
      let first = rows.lowerBound
      transform.apply(rows: rows.count, columns: y.columns, input.row(first), y.row(first))
    }
    return record(y, from: [dx]) { dy in
      RowChunks(of: dy).forEach { _, rows in
        transform.pullBack(rows: rows.count, columns: dy.columns, dy.row(rows.lowerBound))
      }
      dx?.add(dy)
    }
  }
}
