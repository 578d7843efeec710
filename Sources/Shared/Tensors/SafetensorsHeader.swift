import Platform

/// The header of a safetensors file: u64 length, then JSON with an entry per tensor, and every
/// reason to refuse it.
///
/// Checks and their order follow `Metadata::validate` and `SafeTensors::read_metadata` of the Rust
/// library (safetensors 0.8, src/tensor.rs). Stricter in one thing: an entry must be an object
/// (serde also takes a list of its fields).
struct SafetensorsHeader {
  struct Entry {
    let name: String
    let dtype: DType
    /// Row-major.
    let dimensions: [UInt64]
    /// The first byte and the byte after the last, from the start of the data.
    let begin: UInt64
    let end: UInt64
  }

  /// The largest header the original library reads.
  static let limit: UInt64 = 100_000_000

  let metadata: [String: String]
  /// In the order of their data.
  let entries: [Entry]

  /// Bytes of data that the entries cover; they have no holes and start at 0.
  var dataCount: UInt64 { entries.last?.end ?? 0 }

  /// The header's length, from the first bytes of the file.
  static func length(of prefix: UnsafeRawBufferPointer, place: String) throws -> Int {
    guard prefix.count >= 8 else {
      throw Failure(place, "expected a safetensors file, found \(prefix.count) bytes")
    }
    let length = UInt64(littleEndian: prefix.loadUnaligned(as: UInt64.self))
    guard length <= limit else {
      if let kind = kind(of: prefix) {
        throw Failure(place, "expected a safetensors file, found \(kind)")
      }
      throw Failure(
        place, "expected a safetensors header of at most \(limit) bytes, found length \(length)")
    }
    return Int(length)
  }

  /// Parses the JSON text of the header.
  init(parsing text: UnsafeRawBufferPointer, place: String) throws {
    guard String(validating: text, as: UTF8.self) != nil else {
      throw Failure(place, "expected UTF-8 in the header, found other bytes")
    }
    let json: JSON
    do {
      json = try JSON(parsing: text)
    } catch let error as JSON.SyntaxError {
      throw Failure(place, "header \(error.message(in: text))")
    }
    guard case .object(let members) = json else {
      throw Failure(place, "expected a JSON object as header, found \(json.kind)")
    }
    var metadata: [String: String]?
    var parsed: [String: Entry] = [:]
    for member in members {
      if member.key == "__metadata__" {
        guard metadata == nil else {
          throw Failure(place, "expected one __metadata__, found two")
        }
        metadata = try SafetensorsHeader.metadata(member.value, place: place)
      } else {
        // The last of two equal names counts, as in the original; the other's bytes then make a
        // hole.
        parsed[member.key] = try Entry(member.key, member.value, place: place)
      }
    }
    self.metadata = metadata ?? [:]
    entries = parsed.values.sorted {
      ($0.begin, $0.end) < ($1.begin, $1.end)
    }
    var end: UInt64 = 0
    for entry in entries {
      try entry.check(startingAt: end, place: "\(place): \(entry.name)")
      end = entry.end
    }
  }

  private static func metadata(_ json: JSON, place: String) throws -> [String: String] {
    if json == .null { return [:] }
    guard case .object(let members) = json else {
      throw Failure(place, "__metadata__: expected an object, found \(json.kind)")
    }
    var metadata: [String: String] = [:]
    for member in members {
      guard case .string(let text) = member.value else {
        throw Failure(
          place, "__metadata__: \(member.key): expected a string, found \(member.value.kind)")
      }
      metadata[member.key] = text
    }
    return metadata
  }

  /// What a file is that was given for a safetensors file, by its first bytes.
  private static func kind(of prefix: UnsafeRawBufferPointer) -> String? {
    let start = prefix.prefix(8)
    let kinds: [([UInt8], String)] = [
      ([0x89] + Array("PNG".utf8), "a PNG image"), ([0xFF, 0xD8, 0xFF], "a JPEG image"),
      (Array("PK".utf8) + [3, 4], "a zip archive (a PyTorch checkpoint)"),
      ([0x80, 2], "a pickle (a PyTorch checkpoint)"), (Array("GGUF".utf8), "a GGUF file"),
      ([0x1F, 0x8B], "a gzip archive"), (Array("version ".utf8), "a Git LFS pointer"),
    ]
    if let known = kinds.first(where: { start.starts(with: $0.0) }) { return known.1 }
    return start.allSatisfy { (0x20..<0x7F).contains($0) || (0x09...0x0D).contains($0) }
      ? "text" : nil
  }
}

extension SafetensorsHeader.Entry {
  fileprivate init(_ name: String, _ json: JSON, place: String) throws {
    let place = "\(place): \(name)"
    guard case .object(let members) = json else {
      throw Failure(place, "expected an object, found \(json.kind)")
    }
    func field(_ key: String) throws -> JSON {
      let found = members.filter { $0.key == key }
      guard found.count == 1 else {
        throw Failure(place, "expected one \(key), found \(found.count)")
      }
      return found[0].value
    }
    guard case .string(let type) = try field("dtype") else {
      throw Failure(place, "dtype: expected a string, found \(try field("dtype").kind)")
    }
    guard let dtype = DType(rawValue: type) else {
      throw Failure(place, "dtype: expected an element type such as F32, found \(type)")
    }
    self.name = name
    self.dtype = dtype
    dimensions = try SafetensorsHeader.sizes(try field("shape"), "\(place): shape")
    let offsets = try SafetensorsHeader.sizes(try field("data_offsets"), "\(place): data_offsets")
    guard offsets.count == 2 else {
      throw Failure(place, "data_offsets: expected begin and end, found \(offsets)")
    }
    (begin, end) = (offsets[0], offsets[1])
  }

  /// Checks what a single entry says against itself and against where its data must start.
  fileprivate func check(startingAt start: UInt64, place: String) throws {
    guard begin == start, begin <= end else {
      throw Failure(place, "expected data from byte \(start), found bytes \(begin) to \(end)")
    }
    var bits: UInt64 = 1
    for factor in dimensions + [UInt64(dtype.bits)] {
      let (product, overflow) = bits.multipliedReportingOverflow(by: factor)
      guard !overflow else {
        throw Failure(place, "expected less than 2^64 bits of data, found \(type)")
      }
      bits = product
    }
    guard bits % 8 == 0 else {
      throw Failure(place, "expected whole bytes, found \(bits) bits for \(type)")
    }
    guard end - begin == bits / 8 else {
      throw Failure(place, "expected \(bits / 8) bytes for \(type), found \(end - begin)")
    }
  }

  private var type: String { "\(dtype.rawValue) \(dimensions)" }

  /// The dimensions, unless code that multiplies some of them would overflow; only a zero among
  /// them allows that.
  var shape: [Int]? {
    var product = 1
    var shape: [Int] = []
    for dimension in dimensions {
      guard let size = Int(exactly: dimension) else { return nil }
      let (next, overflow) = product.multipliedReportingOverflow(by: max(1, size))
      if overflow { return nil }
      product = next
      shape.append(size)
    }
    return shape
  }
}

extension SafetensorsHeader {
  /// A list of sizes: whole numbers from 0 to 2^64 - 1.
  fileprivate static func sizes(_ json: JSON, _ place: String) throws -> [UInt64] {
    guard case .array(let elements) = json else {
      throw Failure(place, "expected a list, found \(json.kind)")
    }
    return try elements.map { element in
      guard case .number(let text) = element, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        let size = UInt64(text)
      else { throw Failure(place, "expected sizes below 2^64, found \(element.text)") }
      return size
    }
  }
}

extension JSON {
  /// A number as it was written, for anything else its kind.
  fileprivate var text: String {
    if case .number(let text) = self { text } else { kind }
  }
}
