import Formats
import Rounding
import Streams

/// Which layers become low-bit, in which formats, and how they are rounded where the user says
/// nothing else.
package struct Recipe: Sendable {
  /// Of a family's layers, those that become low-bit.
  enum Scope { case blocks, everyLayer }

  package let name: String
  let scope: Scope
  /// The names of the formats that a layer may get, of which the search of scales takes the best.
  let formats: [String]
  /// The formats of layers of some kinds instead.
  var formatsByKind: [LayerRole.Kind: [String]] = [:]
  var method = RoundingMethod.descent
  /// The formats of a text encoder's layers of some kinds instead.
  ///
  /// A table of tokens is looked up, not multiplied. What value and attention output lose is
  /// added to every later state, and 4 bits there are half of what all layers lose.
  var textFormats: [LayerRole.Kind: [String]] = [
    .tokenEmbedding: ["int8"], .value: ["int8"], .attentionOutput: ["int8"],
  ]
  /// What a text encoder's layers that end a feed-forward network get where `formats` lose too
  /// much: T5's have inputs of a few huge channels.
  var finer: (format: String, above: Double)? = ("int8", 0.02)
  /// Nil: one scale for a whole weight.
  var groups: RoundingSettings.Groups? = RoundingSettings.Groups()
  /// Nil: inputs are taken as they come, whatever the user says.
  var preparation: RoundingSettings.Preparation? = RoundingSettings.Preparation()
  /// Bits of the static formats of inputs; nil: inputs are rounded while the model runs.
  var activationBits: Int?
  var biasCorrection = true
  /// How query, key and value are rounded.
  var attention = AttentionFormat.none

  /// The names of the formats that a layer may get; none keeps it at 16 bits.
  func formats(for role: LayerRole, ofText isOfText: Bool) -> [String] {
    if isOfText, let formats = textFormats[role.kind] { return formats }
    return switch scope {
    case .blocks where role.block == nil: []
    case .blocks, .everyLayer: formatsByKind[role.kind] ?? formats
    }
  }
}

extension Recipe {
  /// Ours: the linears of the transformer blocks in 16 Lloyd-Max levels, groups of 64 with E4M3
  /// scales, behind centred, balanced and rotated inputs; conditioning, embeddings and the output
  /// stay at 16 bits (3 % of the weights).
  package static let balanced = Recipe(
    name: "balanced", scope: .blocks, formats: ["lloyd4"],
    groups: .init(groupSize: 64, scaleType: .e4m3),
    preparation: .init(hadamard: 128, center: true, smooth: .exponent(0.25)))

  /// FP4DiT, PixArt-alpha: every layer, E3M0 before the GELU, E2M1 elsewhere.
  package static let fp4ditAlpha = fp4dit("fp4dit-alpha", format: "e2m1")

  /// FP4DiT, PixArt-Sigma: every layer, E3M0 before the GELU, E1M2 elsewhere.
  package static let fp4ditSigma = fp4dit("fp4dit-sigma", format: "e1m2")

  /// FP4DiT, Hunyuan-DiT: the linears of the transformer blocks, E3M0 before the GELU, E2M1
  /// elsewhere; both halves of what skips read have scales of their own.
  package static let fp4ditHunyuan = fp4dit("fp4dit-hunyuan", scope: .blocks, format: "e2m1")

  /// The layers of `balanced`, each with the format, the one scale of its weight and the static
  /// format of its input that `GreedySearch` finds (arXiv 2408.06995).
  package static let fpqGreedy = Recipe(
    name: "fpq-greedy", scope: .blocks, formats: GreedySearch.weightFormats, method: .adaround,
    groups: nil, preparation: nil, activationBits: 8)

  /// Every recipe that there is, the default first.
  package static let all = [balanced, fp4ditAlpha, fp4ditSigma, fp4ditHunyuan, fpqGreedy]

  /// The paper leaves biases as they are, and rounds query, key and value as the inputs of layers.
  private static func fp4dit(
    _ name: String, scope: Scope = .everyLayer, format: String
  ) -> Recipe {
    Recipe(
      name: name, scope: scope, formats: [format],
      formatsByKind: [.feedForwardInput: ["e3m0"]], method: .adaround,
      groups: .init(scale: .absmax), biasCorrection: false, attention: .asActivations)
  }
}
