import Platform
import Tensors

/// A safetensors file as an input of the fuzzer says it: the JSON of its header with what follows
/// from the rest left out, so that a change of the input makes another file that fits together.
///
/// `{"__metadata__": {"fpq.layers": {...}}, "a.codes": {"dtype": "U8", "shape": [4, 32],
/// "bytes": [7, 1]}}`: offsets are computed, `bytes` are repeated over the tensor (7 where there are
/// none), metadata that is not a string becomes its JSON text.
enum StreamText {
  /// More data than this is no test of a reader of headers, and slow.
  private static let limit = 1 << 20

  /// The one place where the bytes of an input become the bytes of a stream, with the digests that
  /// belong to it: a reader would look no further without.
  ///
  /// - Throws: `Failure` for an input that says no file.
  static func file(_ text: UnsafeRawBufferPointer) throws -> [UInt8] {
    guard case .object(let members) = try? JSON(parsing: text) else {
      throw Failure("expected an object")
    }
    var entries: [String] = []
    var data: [UInt8] = []
    var metadata: [String: String] = [:]
    var digests = TensorDigests()
    var count = 0
    for member in members {
      if member.key == "__metadata__" {
        guard case .object(let values) = member.value else { throw Failure("expected an object") }
        let texts = values.map { value -> String in
          let text = value.value.string ?? value.value.compact
          metadata[value.key] = text
          return "\(JSON.quote(value.key)):\(JSON.quote(text))"
        }
        entries.append("\"__metadata__\":{\(texts.joined(separator: ","))}")
        continue
      }
      let (heading, bytes) = try tensor(member, after: data.count)
      entries.append(entry(heading, at: data.count))
      data += bytes
      let digest = try Digest()
      bytes.withUnsafeBytes { digest.add($0) }
      digests.add(heading, digest)
      count += 1
    }
    entries.append(entry(TensorDigests.heading(tensors: count), at: data.count))
    data += try digests.table(metadata)
    let header = Array("{\(entries.joined(separator: ","))}".utf8)
    return withUnsafeBytes(of: UInt64(header.count).littleEndian) { $0 + header + data }
  }

  /// The entry of the header for data that begins at `start`.
  private static func entry(_ heading: SafetensorsWriter.Heading, at start: Int) -> String {
    "\(JSON.quote(heading.name)):{\"dtype\":\"\(heading.dtype.rawValue)\",\"shape\":\(heading.shape),"
      + "\"data_offsets\":[\(start),\(start + heading.byteCount)]}"
  }

  /// What the header says, and the data that begins at `start`.
  private static func tensor(
    _ member: JSON.Member, after start: Int
  ) throws -> (heading: SafetensorsWriter.Heading, bytes: [UInt8]) {
    guard let word = member.value["dtype"]?.string, let type = DType(rawValue: word),
      case .array(let sizes)? = member.value["shape"]
    else { throw Failure("expected a tensor") }
    let shape = try sizes.map { size in
      guard let size = size.int, (0...limit).contains(size) else { throw Failure("expected sizes") }
      return size
    }
    var bits = type.bits
    for size in shape {
      bits *= size
      guard bits <= 8 * (limit - start) else { throw Failure("expected less data") }
    }
    var pattern: [UInt8] = [7]
    if case .array(let bytes)? = member.value["bytes"], !bytes.isEmpty {
      pattern = bytes.map { UInt8(truncatingIfNeeded: $0.int ?? 0) }
    }
    let bytes = (0..<(bits / 8)).map { pattern[$0 % pattern.count] }
    return (.init(name: member.key, dtype: type, shape: shape), bytes)
  }
}
