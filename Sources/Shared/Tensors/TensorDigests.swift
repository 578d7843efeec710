import Platform

/// The SHA-256 of each tensor of a safetensors file, and of what its header says: the file's last
/// tensor, `fpq.sha256` U8 [tensors + 1][32].
///
/// A row for each tensor, in the order of their names as UTF-8 bytes: the SHA-256 of its bytes.
/// Then one over a line `"name" F32 [2,3]` for each tensor, in the same order, and a line
/// `"key":"value"` for each key of the metadata that begins with `fpq.`, ascending, all as JSON
/// strings in which only what must be is escaped, control characters by number. So neither the
/// order of tensors, nor padding, nor metadata of other programs matters, and who reads the file
/// knows which tensor is damaged.
package struct TensorDigests: Sendable {
  package static let name = "fpq.sha256"
  private static let size = 32
  /// Pages of a file that are in memory at once while they are read for this.
  private static let piece = 16 << 20

  private struct Written: Sendable, Equatable {
    /// Name, type and shape.
    let line: String
    let sha256: [UInt8]
  }

  private var tensors: [String: Written] = [:]

  package init() {}

  /// Adds a tensor, whose bytes `digest` was given.
  package mutating func add(_ heading: SafetensorsWriter.Heading, _ digest: Digest) {
    tensors[heading.name] = Written(line: heading.line, sha256: digest.bytes())
  }

  private var sorted: [(name: String, written: Written)] {
    tensors.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      .map { ($0.key, $0.value) }
  }

  /// What a header says of the table beside so many tensors.
  package static func heading(tensors count: Int) -> SafetensorsWriter.Heading {
    .init(name: name, dtype: .u8, shape: [count + 1, size])
  }

  /// The table, for a file with this metadata.
  package func table(_ metadata: [String: String]) throws -> [UInt8] {
    let header = try Digest()
    for (_, written) in sorted { header.add(written.line) }
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) where key.hasPrefix("fpq.") {
      header.add("\(JSON.quote(key)):\(JSON.quote(value))\n")
    }
    return sorted.flatMap(\.written.sha256) + header.bytes()
  }

  /// Reads `tensors`, all of a file with this metadata, and compares them with its table.
  ///
  /// - Throws: `Failure` naming the tensor whose bytes are others than were written; or the file,
  ///   where names, types, shapes or settings are.
  init(
    checking tensors: [Tensor], metadata: [String: String], against table: Tensor, place: String
  ) throws {
    let digests = try tensors.map { _ in try Digest() }
    Parallel.forEach(tensors.count) { index in
      let (tensor, digest) = (tensors[index], digests[index])
      for start in stride(
        from: tensor.range.lowerBound, to: tensor.range.upperBound, by: TensorDigests.piece)
      {
        let range = start..<min(start + TensorDigests.piece, tensor.range.upperBound)
        tensor.storage.willNeed(range)
        digest.add(UnsafeRawBufferPointer(rebasing: tensor.storage.bytes[range]))
        tensor.storage.letGo(range)
      }
    }
    for (tensor, digest) in zip(tensors, digests) {
      add(.init(tensor), digest)
    }
    let (found, expected) = (try self.table(metadata), Array(table.bytes))
    let rows = tensors.count
    guard SafetensorsWriter.Heading(table).line == TensorDigests.heading(tensors: rows).line,
      found[(rows * TensorDigests.size)...] == expected[(rows * TensorDigests.size)...]
    else {
      throw Failure(
        place,
        "damaged: expected the tensors and settings that \(TensorDigests.name) was written for, "
          + "found others")
    }
    for (row, (name, _)) in sorted.enumerated() {
      let bytes = (row * TensorDigests.size)..<((row + 1) * TensorDigests.size)
      guard found[bytes] == expected[bytes] else {
        throw Failure(
          "\(place): \(name)", "damaged: expected the bytes that were written, found others")
      }
    }
  }

  /// Compares what `file` was found to hold with what was written.
  ///
  /// - Throws: `Failure` naming the first tensor that differs.
  package func verify(_ file: SafetensorsFile) throws {
    guard let found = file.digests?.tensors, found.count == tensors.count else {
      throw Failure(file.path, "expected \(tensors.count) tensors, found \(file.names.count)")
    }
    for (name, written) in sorted where found[name] != written {
      throw Failure("\(file.path): \(name)", "expected what was packed, found something else")
    }
  }
}
