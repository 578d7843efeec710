import Platform

/// How query, key and value are rounded before the attention's products, per token and head;
/// probabilities stay in f32.
///
/// FP4DiT rounds them as the inputs of the linear layers. Written `none`, `activations` or a format
/// such as `int8`.
package enum AttentionFormat: Sendable, Equatable, CustomStringConvertible {
  /// Not at all.
  case none
  /// In the format of the activations, or not at all where these are not rounded.
  case asActivations
  case format(NumberFormat)

  package var description: String {
    switch self {
    case .none: "none"
    case .asActivations: "activations"
    case .format(let format): format.name
    }
  }

  /// Reads `none` (or `f32`), `activations`, `a8` (e3m4) and `a6` (e2m3) as the paper has them, or
  /// a format.
  ///
  /// - Throws: `Failure` for anything else.
  package init(_ text: String) throws {
    switch text {
    case "none", "f32": self = .none
    case "activations": self = .asActivations
    case "a8": self = .format(try NumberFormat("e3m4"))
    case "a6": self = .format(try NumberFormat("e2m3"))
    default:
      guard let parsed = try ActivationFormat.parse(text), !text.contains(":") else {
        throw Failure("attention \(text): expected none, activations or a format such as int8")
      }
      self = .format(parsed.format)
    }
  }

  /// The format to round to beside `activations`; the group is a head's channels.
  package func resolved(activations: ActivationFormat?) -> ActivationFormat? {
    let format: NumberFormat? =
      switch self {
      case .none: nil
      case .asActivations: activations?.format
      case .format(let format): format
      }
    return format.map { ActivationFormat(format: $0, granularity: .tokenGroup) }
  }
}
