import Formats
import Foundation
import Platform
import Rounding
import Streams

/// Which layers become low-bit, and in which format.
package enum Recipe: String, CaseIterable, Sendable {
  /// Ours: the linears of the transformer blocks in 16 Lloyd-Max levels, groups of 64 with E4M3 scales, behind centred,
  /// balanced and rotated inputs; conditioning, embeddings and the output stay at 16 bits (3 % of the weights).
  case balanced
  /// FP4DiT section 5, PixArt-alpha: every layer, E3M0 before the GELU, E2M1 elsewhere.
  case fp4ditAlpha = "fp4dit-alpha"
  /// FP4DiT section 5, PixArt-Sigma: every layer, E3M0 before the GELU, E1M2 elsewhere.
  case fp4ditSigma = "fp4dit-sigma"
  /// Chen et al. (arXiv 2408.06995): the layers of `balanced`, each with the format, the one scale of its weight and the static
  /// format of its input that `GreedySearch` finds.
  case fpqGreedy = "fpq-greedy"

  /// The names of the formats of most layers of the blocks, of which the search of scales takes the best.
  private var formatNames: [String] {
    switch self {
    case .balanced: ["lloyd4"]
    case .fp4ditAlpha: ["e2m1"]
    case .fp4ditSigma: ["e1m2"]
    case .fpqGreedy: GreedySearch.weightFormats
    }
  }

  /// The names of the formats that a layer may get; none keeps it at 16 bits.
  func formatNames(for role: LayerRole) -> [String] {
    switch self {
    case .balanced, .fpqGreedy: role.block != nil ? formatNames : []
    // Before the GELU.
    case .fp4ditAlpha, .fp4ditSigma: role.kind == .feedForwardInput ? ["e3m0"] : formatNames
    }
  }
}

extension Recipe {
  /// How layers are rounded where the user says nothing else.
  func rounding() throws -> RoundingOptions {
    var options = RoundingOptions(WeightLayout(try NumberFormat(formatNames[0])))
    switch self {
    case .balanced: (options.layout.grouping, options.layout.scales) = (.groups(of: 64), .e4m3)
    case .fp4ditAlpha, .fp4ditSigma: (options.method, options.scaleSearch) = (.adaround, .absmax)
    case .fpqGreedy: (options.method, options.layout.grouping) = (.adaround, .weight)
    }
    return options
  }

  /// What is minimised where the user says nothing else.
  var objective: ObjectiveOptions {
    var options = ObjectiveOptions()
    // The paper leaves biases as they are.
    options.biasCorrection = self == .balanced || self == .fpqGreedy
    return options
  }

  /// How inputs are prepared where the user says nothing else.
  var input: InputOptions {
    var options = InputOptions()
    if self == .balanced {
      (options.centers, options.smoothing, options.hadamard) = (true, 0.25, 128)
    }
    return options
  }

  /// How query, key and value are rounded: FP4DiT section 4 rounds them as the inputs of its layers.
  var attention: AttentionFormat {
    switch self {
    case .balanced, .fpqGreedy: .none
    case .fp4ditAlpha, .fp4ditSigma: .asActivations
    }
  }
}

/// What the user wants instead of the recipe: patterns over layer names, as a shell matches file names.
package struct LayerOverrides: Sendable {
  /// `PATTERN=FORMAT`, the last match wins.
  package var formats: [(pattern: String, format: String)] = []
  /// Layers that stay at 16 bits.
  package var skipped: [String] = []

  package init() {}
}

/// Decides the formats that each of `layers` may get, at least one; layers that stay at 16 bits are left out.
///
/// - Throws: `Failure` for a format name that is none, and for a pattern that matches no layer.
func chooseFormats(
  for layers: [LayerRole], recipe: Recipe, overrides: LayerOverrides
) throws -> [String: [NumberFormat]] {
  for pattern in overrides.formats.map(\.pattern) + overrides.skipped
  where !layers.contains(where: { matches(pattern, $0.name) }) {
    throw Failure("pattern \(pattern)", "expected to match a layer, matched none")
  }
  var formats: [String: [NumberFormat]] = [:]
  for role in layers {
    let layer = role.name
    if overrides.skipped.contains(where: { matches($0, layer) }) { continue }
    let named = overrides.formats.last { matches($0.pattern, layer) }?.format
    let found = try (named.map { [$0] } ?? recipe.formatNames(for: role)).map { name in
      let format = try NumberFormat(name)
      guard WeightLayout(format).isPackable else {
        throw Failure("format \(name)", "expected a 4-bit format, fp4.25 or fp5.33 for weights")
      }
      return format
    }
    if !found.isEmpty { formats[layer] = found }
  }
  return formats
}

/// Whether the shell pattern `pattern` matches the whole of `name`.
func matches(_ pattern: String, _ name: String) -> Bool { fnmatch(pattern, name, 0) == 0 }
