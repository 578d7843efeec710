import Kernels
import Tensors

/// What is asked of the parameters and layers of a graph, by their names in the model's file.
package struct TapedOptions {
  /// Whether a parameter (`transformer_blocks.0.attn1.to_q.weight`) wants a gradient.
  package var wantsGradient: (_ parameter: String) -> Bool
  /// How the input of a linear layer (`transformer_blocks.0.attn1.to_q`) is transformed and rounded
  /// before it is multiplied.
  ///
  /// Nil leaves it as it is; else the layer's weight stands for the transformed channels.
  package var preparation: (_ layer: String) -> QuantizedTokens.Preparation?

  package init(
    wantsGradient: @escaping (_ parameter: String) -> Bool = { _ in false },
    preparation: @escaping (_ layer: String) -> QuantizedTokens.Preparation? = { _ in nil }
  ) {
    self.wantsGradient = wantsGradient
    self.preparation = preparation
  }
}
