import Platform

/// A named array: element type, shape (row-major, last dimension fastest) and little-endian bytes.
package struct Tensor: Sendable {
  package let name: String
  package let dtype: DType
  package let shape: [Int]
  /// The file this came from, for messages; `<memory>` for one we computed.
  package let origin: String
  package let storage: ByteStorage
  package let range: Range<Int>

  package init(
    name: String, dtype: DType, shape: [Int], origin: String, storage: ByteStorage,
    range: Range<Int>
  ) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
    self.origin = origin
    self.storage = storage
    self.range = range
  }

  /// A tensor in memory from plain values; their memory is the tensor's bytes (F32 from `[Float]`,
  /// U8 from `[UInt8]`).
  ///
  /// `origin` is the file that it was made from, where it stands for a tensor there.
  package init<Element: BitwiseCopyable>(
    name: String, dtype: DType, shape: [Int], origin: String = "<memory>", values: [Element]
  ) {
    precondition(values.count == shape.reduce(1, *), "\(name): \(values.count) values for \(shape)")
    let storage = values.withUnsafeBytes { ByteStorage(copying: $0) }
    self.init(
      name: name, dtype: dtype, shape: shape, origin: origin, storage: storage,
      range: 0..<storage.bytes.count)
  }

  package var count: Int { shape.contains(0) ? 0 : shape.reduce(1, *) }

  /// The tensor's bytes; not aligned to the element size in foreign files.
  package var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: storage.bytes[range])
  }

  /// Has its part of a mapped file read ahead of use; does nothing for one in memory.
  package func willNeed() { storage.willNeed(range) }

  /// Takes its part of a mapped file from this process's memory, to which it comes back when it is
  /// read again; does nothing for one in memory.
  package func letGo() { storage.letGo(range) }

  /// `file: tensor`, the place in a message about this tensor.
  package var place: String { "\(origin): \(name)" }
}
