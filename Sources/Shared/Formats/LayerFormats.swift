import Platform
import Tensors

/// The format and group size of each quantized layer, as JSON under `fpq.layers` in a stream's metadata.
///
/// `{"transformer_blocks.0.attn1.to_q":{"format":"e2m1","group_size":128}, ...}`, keys in ascending order.
package struct LayerFormats: Sendable {
  package struct Entry: Sendable, Hashable {
    package let format: NumberFormat
    package let groupSize: Int

    package init(format: NumberFormat, groupSize: Int) {
      self.format = format
      self.groupSize = groupSize
    }
  }

  package let entries: [String: Entry]

  package init(_ entries: [String: Entry]) { self.entries = entries }

  /// Reads the JSON text written by `json`.
  ///
  /// - Throws: `Failure` naming `place` and the layer for anything else.
  package init(json text: String, place: String) throws {
    var entries: [String: Entry] = [:]
    for (layer, value) in try JSON.object(text, place: place) {
      guard case .string(let name)? = value["format"], let size = value["group_size"]?.int,
        GroupScales.groupSizes.contains(size)
      else { throw Failure("\(place): \(layer)", "expected a format and a group size") }
      entries[layer] = Entry(format: try NumberFormat(name), groupSize: size)
    }
    self.entries = entries
  }

  package var json: String {
    let members = entries.sorted { $0.key < $1.key }.map { layer, entry in
      "\(JSON.quote(layer)):{\"format\":\"\(entry.format)\",\"group_size\":\(entry.groupSize)}"
    }
    return "{\(members.joined(separator: ","))}"
  }
}
