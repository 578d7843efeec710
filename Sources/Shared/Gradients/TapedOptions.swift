import Formats

/// How the input of a linear layer is rounded before it is multiplied.
package struct InputRounding: Equatable, Sendable {
  package let format: ActivationFormat
  /// Inputs per weight scale, which the input's own scales follow.
  package let groupSize: Int

  package init(format: ActivationFormat, groupSize: Int) {
    self.format = format
    self.groupSize = groupSize
  }
}

/// What is asked of the parameters and layers of a graph, by their names in the model's file.
package struct TapedOptions {
  /// Whether a parameter (`transformer_blocks.0.attn1.to_q.weight`) wants a gradient.
  package var wantsGradient: (_ parameter: String) -> Bool
  /// How the input of a linear layer (`transformer_blocks.0.attn1.to_q`) is rounded; nil leaves it in f32.
  package var rounding: (_ layer: String) -> InputRounding?

  package init(
    wantsGradient: @escaping (_ parameter: String) -> Bool,
    rounding: @escaping (_ layer: String) -> InputRounding? = { _ in nil }
  ) {
    self.wantsGradient = wantsGradient
    self.rounding = rounding
  }
}
