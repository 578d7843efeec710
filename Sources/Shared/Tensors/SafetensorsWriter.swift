import Foundation
import Platform

/// Writes a safetensors stream: the header first, then each tensor's bytes as they are made.
///
/// Sizes are known before the data, so nothing is held but the tensor being written. Header padded
/// to a multiple of 8 with spaces; same input, same bytes. The last tensor is the table of
/// `TensorDigests`, by which a reader knows that nothing was changed since.
package struct SafetensorsWriter {
  /// What the header says of a tensor.
  package struct Heading {
    package let name: String
    package let dtype: DType
    package let shape: [Int]

    package init(name: String, dtype: DType, shape: [Int]) {
      (self.name, self.dtype, self.shape) = (name, dtype, shape)
    }

    init(_ tensor: Tensor) {
      self.init(name: tensor.name, dtype: tensor.dtype, shape: tensor.shape)
    }

    package var byteCount: Int { shape.reduce(1, *) * dtype.bits / 8 }

    /// `"name" F32 [2,3]` and a newline, for digests.
    var line: String {
      "\(JSON.quote(name)) \(dtype.rawValue) [\(shape.map(String.init).joined(separator: ","))]\n"
    }
  }

  /// A tensor to be written, whose bytes are made when its turn comes.
  package struct Entry {
    package let heading: Heading
    /// Hands the tensor's little-endian bytes, in one or more pieces, to the sink.
    package let produce: (_ sink: (UnsafeRawBufferPointer) throws -> Void) throws -> Void

    package init(
      name: String, dtype: DType, shape: [Int],
      produce: @escaping (_ sink: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) {
      heading = Heading(name: name, dtype: dtype, shape: shape)
      self.produce = produce
    }

    /// A tensor that exists already; its bytes are copied as they are.
    package init(_ tensor: Tensor, as name: String? = nil) {
      self.init(name: name ?? tensor.name, dtype: tensor.dtype, shape: tensor.shape) { sink in
        try sink(tensor.bytes)
      }
    }

    package var name: String { heading.name }
    package var dtype: DType { heading.dtype }
    package var shape: [Int] { heading.shape }
  }

  private let output: OutputFile
  private let metadata: [String: String]
  private var digests = TensorDigests()
  /// Those that are not written yet, the next one last.
  private var missing: [Heading]

  /// Begins a file of the tensors `headings`, which `write` is then given in this order, before
  /// `finish`.
  package init(
    _ headings: [Heading], metadata: [String: String], to output: OutputFile
  ) throws {
    var header = "{"
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }.map {
        "\(JSON.quote($0.key)):\(JSON.quote($0.value))"
      }
      header += "\"__metadata__\":{\(pairs.joined(separator: ","))},"
    }
    var offset = 0
    for heading in headings + [TensorDigests.heading(tensors: headings.count)] {
      let end = offset + heading.byteCount
      header += "\(JSON.quote(heading.name)):{\"dtype\":\"\(heading.dtype.rawValue)\","
      header += "\"shape\":[\(heading.shape.map(String.init).joined(separator: ","))],"
      header += "\"data_offsets\":[\(offset),\(end)]},"
      offset = end
    }
    header.removeLast()
    header += "}"
    header += String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
    try withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { try output.write($0) }
    try output.write(header.utf8)
    (self.output, self.metadata) = (output, metadata)
    missing = headings.reversed()
  }

  /// Writes the next tensor.
  package mutating func write(_ entry: Entry) throws {
    precondition(
      missing.popLast()?.line == entry.heading.line,
      "\(entry.name): not what the header says comes next")
    var written = 0
    let digest = try Digest()
    try entry.produce { bytes in
      written += bytes.count
      digest.add(bytes)
      try output.write(bytes)
    }
    precondition(
      written == entry.heading.byteCount, "\(entry.name): \(written) bytes for \(entry.shape)")
    digests.add(entry.heading, digest)
  }

  /// Writes the table of what was written, after the last tensor, and returns it; the caller commits
  /// the file.
  package func finish() throws -> TensorDigests {
    precondition(missing.isEmpty, "\(missing.count) tensors were not written")
    try digests.table(metadata).withUnsafeBytes { try output.write($0) }
    return digests
  }

  /// Writes all of `entries` and `metadata` to `output`, which the caller commits; returns what was
  /// written.
  ///
  /// Order as the original library's: element size descending, then name.
  @discardableResult
  package static func write(
    _ entries: [Entry], metadata: [String: String], to output: OutputFile
  ) throws -> TensorDigests {
    let order = DType.allCases
    let sorted = entries.sorted {
      let (a, b) = (order.firstIndex(of: $0.dtype)!, order.firstIndex(of: $1.dtype)!)
      return a != b ? a > b : $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
    }
    var writer = try SafetensorsWriter(sorted.map(\.heading), metadata: metadata, to: output)
    for entry in sorted { try writer.write(entry) }
    return try writer.finish()
  }
}
