import Formats
import Foundation
import Platform

/// Which layers become low-bit, and in which format.
package enum Recipe: String, CaseIterable, Sendable {
  /// Ours: the linears of the transformer blocks in E2M1; conditioning, embeddings and the output stay at 16 bits
  /// (3 % of the weights).
  case balanced
  /// FP4DiT section 5, PixArt-alpha: every layer, E3M0 before the GELU, E2M1 elsewhere.
  case fp4ditAlpha = "fp4dit-alpha"
  /// FP4DiT section 5, PixArt-Sigma: every layer, E3M0 before the GELU, E1M2 elsewhere.
  case fp4ditSigma = "fp4dit-sigma"

  /// The format name for `layer`; nil keeps it at 16 bits.
  func formatName(for layer: String) -> String? {
    let isBeforeGELU = layer.hasSuffix(".ff.net.0.proj")
    return switch self {
    case .balanced: layer.hasPrefix("transformer_blocks.") ? "e2m1" : nil
    case .fp4ditAlpha: isBeforeGELU ? "e3m0" : "e2m1"
    case .fp4ditSigma: isBeforeGELU ? "e3m0" : "e1m2"
    }
  }
}

extension Recipe {
  /// How query, key and value are rounded: FP4DiT section 4 rounds them as the inputs of its layers.
  var attention: AttentionFormat { self == .balanced ? .none : .asActivations }
}

/// What the user wants instead of the recipe: patterns over layer names, as a shell matches file names.
package struct LayerOverrides: Sendable {
  /// `PATTERN=FORMAT`, the last match wins.
  package var formats: [(pattern: String, format: String)] = []
  /// Layers that stay at 16 bits.
  package var skipped: [String] = []

  package init() {}
}

/// Decides the format of each of `layers`; layers that stay at 16 bits are left out.
///
/// - Throws: `Failure` for a format name that is none, and for a pattern that matches no layer.
func chooseFormats(
  for layers: [String], recipe: Recipe, overrides: LayerOverrides
) throws -> [String: NumberFormat] {
  for pattern in overrides.formats.map(\.pattern) + overrides.skipped
  where !layers.contains(where: { matches(pattern, $0) }) {
    throw Failure("pattern \(pattern)", "expected to match a layer, matched none")
  }
  var formats: [String: NumberFormat] = [:]
  for layer in layers {
    if overrides.skipped.contains(where: { matches($0, layer) }) { continue }
    let named = overrides.formats.last { matches($0.pattern, layer) }?.format
    guard let name = named ?? recipe.formatName(for: layer) else { continue }
    let format = try NumberFormat(name)
    guard format.bits == 4 || format.sharedBit != nil else {
      throw Failure("format \(name)", "expected a 4-bit format, fp4.25 or fp5.33 for weights")
    }
    formats[layer] = format
  }
  return formats
}

/// Whether the shell pattern `pattern` matches the whole of `name`.
func matches(_ pattern: String, _ name: String) -> Bool { fnmatch(pattern, name, 0) == 0 }
