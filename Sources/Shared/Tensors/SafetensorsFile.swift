import Platform

/// One safetensors file: mapped when it is a regular file; a pipe is read into memory, or spilled
/// when it is long.
///
/// A file of these tools carries `TensorDigests`, and is read through to see that it is what was
/// written.
package final class SafetensorsFile: TensorSource, Sendable {
  package let path: String
  package let metadata: [String: String]
  package let names: [String]
  /// What was found in it; nil for a file of another program, which has no digests.
  let digests: TensorDigests?
  private let tensors: [String: Tensor]

  /// Opens `path`, or stdin for `-`.
  ///
  /// - Throws: `Failure` naming the file, and the tensor where it is about one.
  package convenience init(_ path: String) throws {
    try self.init(InputFile(path, kind: "a safetensors file"))
  }

  /// Opens the regular file `path`, as those of a model folder are.
  ///
  /// - Throws: `Failure` for a pipe or a device, and as above.
  package convenience init(regular path: String) throws {
    try self.init(InputFile(regular: path, kind: "a safetensors file"))
  }

  /// Reads `input`, and closes it.
  private init(_ input: InputFile) throws {
    defer { input.finish() }
    let place = input.place
    self.path = place
    let (storage, header, start) =
      if let size = input.size {
        try SafetensorsFile.read(mapped: input.mapped(), size: size, place: place)
      } else {
        try SafetensorsFile.read(stream: input)
      }
    let found = storage.bytes.count - start
    guard header.dataCount == found else {
      throw Failure(place, "expected \(header.dataCount) bytes of data, found \(found)")
    }
    var tensors: [String: Tensor] = [:]
    for entry in header.entries {
      guard let shape = entry.shape else { continue }
      tensors[entry.name] = Tensor(
        name: entry.name, dtype: entry.dtype, shape: shape, origin: place, storage: storage,
        range: (start + Int(entry.begin))..<(start + Int(entry.end)))
    }
    metadata = header.metadata
    let table = tensors.removeValue(forKey: TensorDigests.name)
    if table == nil, metadata["fpq.kind"] != nil {
      throw Failure(
        place,
        "expected tensor \(TensorDigests.name), the digests of its tensors, found none: changed by "
          + "another program, or of an older version")
    }
    let all = Array(tensors.values), metadata = metadata
    digests = try table.map {
      try TensorDigests(checking: all, metadata: metadata, against: $0, place: place)
    }
    self.tensors = tensors
    names = header.entries.map(\.name).filter { $0 != TensorDigests.name }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Whether it was compared with its digests.
  package var hasDigests: Bool { digests != nil }

  package func find(_ name: String) -> Tensor? { tensors[name] }

  package func tensor(_ name: String) throws -> Tensor {
    if let found = tensors[name] { return found }
    throw Failure(
      path,
      names.contains(name)
        ? "\(name): expected dimensions below 2^63, found larger ones"
        : "expected tensor \(name), found none")
  }

  /// The bytes, the header, and where the data starts.
  private typealias Contents = (ByteStorage, SafetensorsHeader, Int)

  private static func read(mapped storage: ByteStorage, size: Int, place: String) throws -> Contents
  {
    let length = try SafetensorsHeader.length(of: storage.bytes, place: place)
    guard length <= size - 8 else {
      throw Failure(place, "expected a header of \(length) bytes, found \(size - 8)")
    }
    let text = UnsafeRawBufferPointer(rebasing: storage.bytes[8..<(8 + length)])
    return (storage, try SafetensorsHeader(parsing: text, place: place), 8 + length)
  }

  /// Reads as much as the header announces and one byte more, so that an endless stream is refused.
  private static func read(stream: InputFile) throws -> Contents {
    let prefix = try stream.read(atMost: 8)
    let length = try prefix.withUnsafeBytes {
      try SafetensorsHeader.length(of: $0, place: stream.place)
    }
    let text = try stream.read(atMost: length)
    guard text.count == length else {
      throw Failure(stream.place, "expected a header of \(length) bytes, found \(text.count)")
    }
    let header = try text.withUnsafeBytes {
      try SafetensorsHeader(parsing: $0, place: stream.place)
    }
    guard let count = Int(exactly: header.dataCount), count < Int.max - length - 8 else {
      throw Failure(stream.place, "expected less than 2^63 bytes, found \(header.dataCount)")
    }
    return (try stream.storage(startingWith: prefix + text, atMost: count + 1), header, 8 + length)
  }
}
