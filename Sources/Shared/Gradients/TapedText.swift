import Tensors

/// A batch of prompts as the blocks read it: `ProjectedText` with the states as a variable.
package struct TapedText {
  /// [batch * text tokens][D].
  package let states: Variable
  /// [batch][text tokens], added to the scaled logits: 0, or -10000 on padding.
  package let bias: Matrix

  package init(states: Variable, bias: Matrix) {
    self.states = states
    self.bias = bias
  }
}
