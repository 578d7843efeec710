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

  /// The one place where the bytes of an input become the bytes of a stream.
  ///
  /// - Throws: `Failure` for an input that says no file.
  static func file(_ text: UnsafeRawBufferPointer) throws -> [UInt8] {
    guard case .object(let members) = try? JSON(parsing: text) else {
      throw Failure("expected an object")
    }
    var entries: [String] = []
    var data: [UInt8] = []
    for member in members {
      if member.key == "__metadata__" {
        guard case .object(let values) = member.value else { throw Failure("expected an object") }
        let texts = values.map {
          "\(JSON.quote($0.key)):\(JSON.quote($0.value.string ?? $0.value.compact))"
        }
        entries.append("\"__metadata__\":{\(texts.joined(separator: ","))}")
        continue
      }
      let (header, bytes) = try tensor(member, after: data.count)
      entries.append(header)
      data += bytes
    }
    let header = Array("{\(entries.joined(separator: ","))}".utf8)
    return withUnsafeBytes(of: UInt64(header.count).littleEndian) { $0 + header + data }
  }

  /// The entry of the header, and the data that begins at `start`.
  private static func tensor(
    _ member: JSON.Member, after start: Int
  ) throws -> (header: String, bytes: [UInt8]) {
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
    let bytes = (0..<((bits + 7) / 8)).map { pattern[$0 % pattern.count] }
    return (
      "\(JSON.quote(member.key)):{\"dtype\":\"\(word)\",\"shape\":\(shape),"
        + "\"data_offsets\":[\(start),\(start + bytes.count)]}", bytes
    )
  }
}
