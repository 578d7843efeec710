import Formats
import Platform
import Streams

/// What inner values are rounded to while a model runs, where that is not what the packed model
/// says.
package struct RunPrecision: Sendable {
  package enum Activations: Sendable {
    /// What the packed model says; a float model rounds nothing.
    case asPacked
    /// The given format; nil keeps inputs in f32 (W4A16). In a float model the inputs of the linear
    /// layers of the blocks are rounded: W16Ax, what activations alone cost.
    case use(ActivationFormat?)
  }

  package var activations = Activations.asPacked
  /// Of query, key and value; nil: what the packed model says.
  package var attention: AttentionFormat?

  package init() {}

  /// Refuses static activations in a float model, which has no scales for them.
  ///
  /// - Throws: `Failure` naming the format.
  package func check(of packed: PackedLayout?) throws {
    guard packed == nil, case .use(let format?) = activations, format.granularity == .static else {
      return
    }
    throw Failure(
      "activations \(format): expected a scale found online, as \(format.format):token; "
        + "a float model has no static scales")
  }

  /// The activation format that layers of `packed` without one of their own, or the blocks of a
  /// float model (nil), run with.
  package func activations(of packed: PackedLayout?) -> ActivationFormat? {
    switch activations {
    case .asPacked: packed?.activations
    case .use(let format): format
    }
  }

  /// The activation formats that the layers of `packed`, or the blocks of a float model (nil), run
  /// with.
  ///
  /// As `e2m3:token-group` or `e3m4:static+e4m3:static`; `A16` for f32; nil when neither weights
  /// nor activations are rounded.
  package func activationSummary(of packed: PackedLayout?) -> String? {
    let shared = activations(of: packed)?.description
    guard let packed else { return shared }
    guard case .asPacked = activations else { return shared ?? "A16" }
    let names = Set(packed.layers.entries.values.map { $0.activations ?? shared ?? "A16" })
    return names.sorted().joined(separator: "+")
  }

  /// The format that query, key and value are rounded to.
  ///
  /// - Throws: `Failure` when it is to be that of the activations, and each layer has its own.
  package func attention(of packed: PackedLayout?) throws -> ActivationFormat? {
    let format = attention ?? packed?.attention ?? .none
    if case .asPacked = activations, let packed { try packed.layers.check(format) }
    return format.resolved(activations: activations(of: packed))
  }
}
