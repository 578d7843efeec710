import Formats
import Platform
import Tensors

/// How a quantized layer is stored and run, as JSON under `fpq.layers` in a stream's metadata.
///
/// `{"transformer_blocks.0.attn1.to_q":{"format":"e2m1","group_size":128}, ...}`, keys in ascending
/// order; members that have their usual value are left out.
package struct LayerFormats: Sendable {
  package struct Entry: Sendable, Hashable {
    /// How its weight is stored, with groups of so many weights.
    package var layout: WeightLayout
    package var input = Input()
    /// Rank of the 16-bit branch beside the codes; 0: none.
    package var rank = 0
    /// The layer's own activation format instead of the model's.
    package var activations: String?

    package init(_ layout: WeightLayout) { self.layout = layout }
  }

  /// What becomes of a layer's input before its weight sees it.
  package struct Input: Sendable, Hashable {
    /// The site whose `center`, `smooth` and `input_scale` the layer uses; nil: none of them.
    package var site: String?
    /// Channels of a block of the Hadamard transform; 1: none.
    package var hadamard = 1
    /// What comes of it is never negative: a format without a sign suits it.
    package var isNonnegative = false

    package init(site: String? = nil, hadamard: Int = 1, isNonnegative: Bool = false) {
      (self.site, self.hadamard, self.isNonnegative) = (site, hadamard, isNonnegative)
    }
  }

  package let entries: [String: Entry]

  package init(_ entries: [String: Entry]) { self.entries = entries }

  /// Whether each layer has an activation format of its own.
  package var haveOwnActivations: Bool { entries.values.allSatisfy { $0.activations != nil } }

  /// Refuses to round query, key and value as the activations where these have no format in common.
  ///
  /// - Throws: `Failure` naming the option.
  package func check(_ attention: AttentionFormat) throws {
    guard attention != .asActivations || !haveOwnActivations else {
      throw Failure(
        "attention activations: expected a format such as e2m3, as every layer has its own")
    }
  }

  /// Reads the JSON text written by `json`.
  ///
  /// - Throws: `Failure` naming `place` and the layer for anything else.
  package init(json text: String, place: String) throws {
    var entries: [String: Entry] = [:]
    for (layer, value) in try JSON.object(text, place: place) {
      guard case .string(let name)? = value["format"], let size = value["group_size"]?.int,
        WeightLayout.groupSizes.contains(size)
      else { throw Failure("\(place): \(layer)", "expected a format and a group size") }
      var entry = Entry(WeightLayout(try NumberFormat(name), .groups(of: size)))
      func int(_ key: String, _ range: ClosedRange<Int>, default value0: Int) throws -> Int {
        guard let found = value[key] else { return value0 }
        guard let number = found.int, range.contains(number) else {
          throw Failure("\(place): \(layer)", "expected \(key) of \(range), found another value")
        }
        return number
      }
      if let scales = value["scales"]?.string {
        guard let type = ScaleStorage(rawValue: scales) else {
          let types = ScaleStorage.allCases.map(\.rawValue).joined(separator: " or ")
          throw Failure("\(place): \(layer)", "expected scales \(types), found \(scales)")
        }
        entry.layout.scales = type
      }
      entry.layout.isTwoSided = try int("split", 0...1, default: 0) == 1
      entry.input.site = value["site"]?.string
      entry.input.hadamard = try int("hadamard", 1...(1 << 14), default: 1)
      entry.input.isNonnegative = try int("nonnegative", 0...1, default: 0) == 1
      entry.rank = try int("rank", 0...(1 << 14), default: 0)
      entry.activations = value["activations"]?.string
      guard entry.input.hadamard & (entry.input.hadamard - 1) == 0 else {
        throw Failure("\(place): \(layer)", "expected hadamard of a power of two")
      }
      do { try entry.layout.check() } catch let failure as Failure {
        throw Failure("\(place): \(layer)", failure.description)
      }
      entries[layer] = entry
    }
    self.entries = entries
  }

  package var json: String {
    let members = entries.sorted { $0.key < $1.key }.map { layer, entry in
      let (layout, input) = (entry.layout, entry.input)
      guard let size = layout.grouping.size else {
        preconditionFailure("\(layer): a file has the number of weights in a group")
      }
      var text = "{\"format\":\"\(layout.format)\",\"group_size\":\(size)"
      if layout.scales != .f16 { text += ",\"scales\":\"\(layout.scales.rawValue)\"" }
      if layout.isTwoSided { text += ",\"split\":1" }
      if let site = input.site { text += ",\"site\":\(JSON.quote(site))" }
      if input.hadamard > 1 { text += ",\"hadamard\":\(input.hadamard)" }
      if input.isNonnegative { text += ",\"nonnegative\":1" }
      if entry.rank > 0 { text += ",\"rank\":\(entry.rank)" }
      if let own = entry.activations { text += ",\"activations\":\(JSON.quote(own))" }
      return "\(JSON.quote(layer)):\(text)}"
    }
    return "{\(members.joined(separator: ","))}"
  }
}
