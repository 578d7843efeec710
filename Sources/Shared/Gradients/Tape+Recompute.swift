import Tensors

extension Tape {
  /// y = body(x), of which only x and y are kept: the backward pass runs `body` again (gradient
  /// checkpointing).
  ///
  /// A chain of parts recorded so holds the inner values of one part at a time, for the price of a
  /// second forward pass. The gradients have the bits that they have without.
  ///
  /// - Parameters:
  ///   - x: what the part before computed.
  ///   - body: records operations on the tape it is given; it may read other variables, whose
  ///     gradients it adds to.
  /// - Returns: what `body` returns.
  package func recompute(
    _ x: Variable, _ body: @escaping (_ x: Variable, _ tape: Tape) -> Variable
  ) -> Variable {
    let first = body(x, Tape())
    let (input, dx) = (x.value, x.gradient)
    return record(first.value, from: [first.gradient]) { dy in
      let (again, tape) = (Variable(input, wantsGradient: dx != nil), Tape())
      tape.backward(from: body(again, tape), gradient: dy)
      if let part = again.gradient?.take() { dx?.add(part) }
    }
  }
}
