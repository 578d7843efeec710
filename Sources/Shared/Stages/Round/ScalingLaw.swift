import Foundation

/// How the bits of a low-bit float are split.
package struct FloatSplit: Hashable, Sendable {
  package let exponentBits: Int
  package let mantissaBits: Int

  package init(exponentBits: Int, mantissaBits: Int) {
    (self.exponentBits, self.mantissaBits) = (exponentBits, mantissaBits)
  }

  /// As `NumberFormat` calls it.
  package var name: String { "e\(exponentBits)m\(mantissaBits)" }
}

/// The scaling law of training language models in low-bit floats (arXiv 2501.02423): what they lose
/// with N parameters after D tokens.
///
/// L = n / N^alpha + d / D^beta + epsilon
///   + D^beta / N^alpha * log2(B) / (gamma (E + .5)^delta (M + .5)^nu),
/// with E exponent and M mantissa bits and B weights that share a scale.
///
/// *Limitations:* fitted to language models that were trained in those formats. It knows neither a
/// model's weights nor what its layers are given, and a diffusion model that is rounded afterwards
/// has no D.
package enum ScalingLaw {
  /// Of the last term; the others do not depend on the format.
  private static let (gamma, delta, nu) = (11334.5197, 3.1926, 2.9543)

  /// (E + .5)^delta (M + .5)^nu: the larger, the less is lost.
  package static func merit(_ split: FloatSplit) -> Double {
    pow(Double(split.exponentBits) + 0.5, delta) * pow(Double(split.mantissaBits) + 0.5, nu)
  }

  /// What the format adds to the loss, in units of D^beta / N^alpha, which all formats share.
  package static func penalty(_ split: FloatSplit, groupSize: Int) -> Double {
    log2(Double(groupSize)) / (gamma * merit(split))
  }

  /// E and M of the largest merit for `bits` in all, sign included, were they not whole numbers.
  package static func optimum(bits: Int) -> (exponent: Double, mantissa: Double) {
    // (E + .5) + (M + .5) = bits.
    (delta * Double(bits) / (delta + nu) - 0.5, nu * Double(bits) / (delta + nu) - 0.5)
  }

  /// All splits of `bits` with at least one exponent bit, the best first.
  package static func ranked(bits: Int) -> [FloatSplit] {
    (1..<bits).map { FloatSplit(exponentBits: $0, mantissaBits: bits - 1 - $0) }
      .sorted { merit($0) > merit($1) }
  }
}
