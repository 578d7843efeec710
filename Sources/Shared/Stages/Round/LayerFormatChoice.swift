import Formats
import Foundation
import Platform
import Streams

/// The format that the user wants for the layers of a pattern, `PATTERN=FORMAT`.
package struct FormatOverride: Sendable {
  /// Over layer names, as a shell matches file names.
  package let pattern: String
  package let format: String

  /// Nil for text that is no `PATTERN=FORMAT`.
  package init?(_ text: String) {
    let parts = text.split(separator: "=").map(String.init)
    guard parts.count == 2 else { return nil }
    (pattern, format) = (parts[0], parts[1])
  }
}

extension RoundingSettings {
  /// The formats that the user asks for.
  ///
  /// - Throws: `Failure` for a name that is none.
  package func namedFormats() throws -> [NumberFormat] {
    try format.map { try NumberFormat($0.format) }
  }

  /// What the layer of `role` gets where its format loses more than so much; nil: nothing else, as
  /// where the user names its format.
  package func finer(for role: LayerRole) -> (format: String, above: Double)? {
    let isNamed = format.contains { matches($0.pattern, role.name) }
    return role.kind == .feedForwardOutput && !isNamed ? recipe.finer : nil
  }

  /// Decides the formats that each of `layers`, of a text encoder if `isOfText`, may get, at least
  /// one; layers that stay at 16 bits are left out.
  ///
  /// - Throws: `Failure` for a format name that is none, and for a pattern that matches no layer.
  func formats(for layers: [LayerRole], ofText isOfText: Bool) throws -> [String: [NumberFormat]] {
    for pattern in format.map(\.pattern) + skip
    where !layers.contains(where: { matches(pattern, $0.name) }) {
      throw Failure("pattern \(pattern)", "expected to match a layer, matched none")
    }
    var formats: [String: [NumberFormat]] = [:]
    for role in layers where !skip.contains(where: { matches($0, role.name) }) {
      let named = format.last { matches($0.pattern, role.name) }?.format
      let found = try (named.map { [$0] } ?? recipe.formats(for: role, ofText: isOfText)).map {
        name in
        let format = try NumberFormat(name)
        guard WeightLayout(format).isPackable else {
          throw Failure(
            "format \(name)", "expected a 4-bit format, fp4.25, fp5.33 or int8 for weights")
        }
        return format
      }
      if !found.isEmpty { formats[role.name] = found }
    }
    return formats
  }
}

/// Whether the shell pattern `pattern` matches the whole of `name`.
func matches(_ pattern: String, _ name: String) -> Bool { fnmatch(pattern, name, 0) == 0 }
