import Platform

/// How the input of a linear layer is quantized while the model runs: a format and what shares a
/// scale.
///
/// Written `e2m3:token-group`, `int8:token`; `none` keeps the input in f32 (W4A16).
package struct ActivationFormat: Hashable, Sendable, CustomStringConvertible {
  package enum Granularity: String, Sendable, CaseIterable {
    /// One scale per token over the whole last dimension (FP4DiT).
    case token
    /// One scale per token and group of channels, the same groups as the weights.
    case tokenGroup = "token-group"
    /// One scale for all tokens and steps, found during calibration (Chen et al., arXiv
    /// 2408.06995).
    case `static`
  }

  package let format: NumberFormat
  package let granularity: Granularity

  package var description: String { "\(format):\(granularity.rawValue)" }

  package init(format: NumberFormat, granularity: Granularity) {
    self.format = format
    self.granularity = granularity
  }

  /// Reads `FORMAT:GRANULARITY` (granularity `token-group` when left out); nil for `none`.
  ///
  /// - Throws: `Failure` for anything else.
  package static func parse(_ text: String) throws -> ActivationFormat? {
    if text == "none" { return nil }
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let format = try NumberFormat(String(parts[0]))
    guard format.isSymmetric, format.sharedBit == nil, format.bits >= 4 else {
      throw Failure("activations \(text): expected a symmetric format of 4 to 8 bits")
    }
    guard parts.count == 2 else {
      return ActivationFormat(format: format, granularity: .tokenGroup)
    }
    guard let granularity = Granularity(rawValue: String(parts[1])) else {
      throw Failure("activations \(text): expected token, token-group or static, found \(parts[1])")
    }
    return ActivationFormat(format: format, granularity: granularity)
  }

  /// The format for inputs that are never negative: one mantissa bit more instead of the sign,
  /// where the kernels have it.
  package var nonnegative: ActivationFormat {
    let unsigned =
      format.mantissaBits.map { "ue\(format.bits - 1 - $0)m\($0 + 1)" } ?? "uint\(format.bits)"
    guard format.isSigned, let format = try? NumberFormat(unsigned), format.maxCode <= 1984 else {
      return self
    }
    return ActivationFormat(format: format, granularity: granularity)
  }
}
