import Foundation
import Tensors

/// A safetensors file as bytes that a test changes, and writes again as any program would: with no
/// thought of digests.
package struct RawSafetensors {
  package struct Member: Equatable {
    package var name: String
    package var dtype: String
    package var shape: [Int]
    package var bytes: Data
  }

  package var metadata: [String: String]
  /// All tensors that the header has, in the order of their bytes.
  package var members: [Member]

  package init(_ path: String) throws {
    struct Entry: Decodable {
      let dtype: String
      let shape: [Int]
      let data_offsets: [Int]
    }
    enum Value: Decodable {
      case metadata([String: String])
      case entry(Entry)

      init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let entry = try? container.decode(Entry.self) {
          self = .entry(entry)
        } else {
          self = .metadata(try container.decode([String: String].self))
        }
      }
    }
    let file = try Data(contentsOf: URL(fileURLWithPath: path))
    let length = file.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
    let start = 8 + length
    let header = try JSONDecoder().decode([String: Value].self, from: file[8..<start])
    (metadata, members) = ([:], [])
    for (name, value) in header {
      switch value {
      case .metadata(let found): metadata = found
      case .entry(let entry):
        let range = (start + entry.data_offsets[0])..<(start + entry.data_offsets[1])
        members.append(
          Member(name: name, dtype: entry.dtype, shape: entry.shape, bytes: file[range]))
      }
    }
    members.sort { ($0.bytes.startIndex, $0.name) < ($1.bytes.startIndex, $1.name) }
  }

  /// The bytes of a file with what is here now.
  package func data() throws -> Data {
    var header: [String: Any] = ["__metadata__": metadata]
    var offset = 0
    for member in members {
      let end = offset + member.bytes.count
      header[member.name] = [
        "dtype": member.dtype, "shape": member.shape, "data_offsets": [offset, end],
      ]
      offset = end
    }
    let text = try JSONSerialization.data(withJSONObject: header)
    let length = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
    return members.reduce(Data(length) + text) { $0 + $1.bytes }
  }
}
