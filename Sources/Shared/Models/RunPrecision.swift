import Formats

/// What inner values are rounded to while a model runs, where that is not what the packed model says.
package struct RunPrecision: Sendable {
  package enum Activations: Sendable {
    /// What the packed model says; a float model rounds nothing.
    case asPacked
    /// The given format; nil keeps inputs in f32 (W4A16). In a float model the inputs of the linear layers of the blocks are rounded:
    /// W16Ax, what activations alone cost.
    case use(ActivationFormat?)
  }

  package var activations = Activations.asPacked
  /// Of query, key and value; nil: what the packed model says.
  package var attention: AttentionFormat?

  package init() {}

  /// The activation format that most layers of `packed`, or the blocks of a float model (nil), run with.
  package func activations(of packed: PackedLayout?) -> ActivationFormat? {
    switch activations {
    case .asPacked: packed?.activations
    case .use(let format): format
    }
  }

  /// The format that query, key and value are rounded to.
  package func attention(of packed: PackedLayout?) -> ActivationFormat? {
    (attention ?? packed?.attention ?? .none).resolved(activations: activations(of: packed))
  }
}
