import Foundation
import Platform

/// Bytes that tensors are views of: a mapped file, or memory that came from a pipe or a computation.
package final class ByteStorage: @unchecked Sendable {
  package let bytes: UnsafeRawBufferPointer
  private let release: (UnsafeRawBufferPointer) -> Void

  package init(
    _ bytes: UnsafeRawBufferPointer, release: @escaping (UnsafeRawBufferPointer) -> Void
  ) {
    self.bytes = bytes
    self.release = release
  }

  /// A copy of `source`.
  package convenience init(copying source: UnsafeRawBufferPointer) {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: source.count, alignment: 64)
    copy.copyMemory(from: source)
    self.init(UnsafeRawBufferPointer(copy)) { $0.deallocate() }
  }

  deinit { release(bytes) }
}

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

  /// A tensor in memory from plain values; their memory is the tensor's bytes (F32 from `[Float]`, U8 from `[UInt8]`).
  package init<Element: BitwiseCopyable>(
    name: String, dtype: DType, shape: [Int], values: [Element]
  ) {
    precondition(values.count == shape.reduce(1, *), "\(name): \(values.count) values for \(shape)")
    let storage = values.withUnsafeBytes { ByteStorage(copying: $0) }
    self.init(
      name: name, dtype: dtype, shape: shape, origin: "<memory>", storage: storage,
      range: 0..<storage.bytes.count)
  }

  package var count: Int { shape.reduce(1, *) }

  /// The tensor's bytes; not aligned to the element size in foreign files.
  package var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: storage.bytes[range])
  }

  /// `file: tensor`, the place in a message about this tensor.
  package var place: String { "\(origin): \(name)" }

  /// All elements as f32, row-major: exact from F16, BF16 and F8, rounded to nearest from F64 and wide integers.
  ///
  /// - Throws: `Failure` for an element type that has no such reading.
  package func floats() throws -> [Float] {
    try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      if let base = buffer.baseAddress { try copyFloats(0..<count, to: base) }
      initialized = count
    }
  }

  /// The elements of `elements` (flat, row-major) as f32, written to `target`.
  package func copyFloats(_ elements: Range<Int>, to target: UnsafeMutablePointer<Float>) throws {
    let source = bytes
    func convert<T>(_ type: T.Type, _ value: (T) -> Float) {
      for (offset, index) in elements.enumerated() {
        target[offset] = value(
          source.loadUnaligned(fromByteOffset: index * MemoryLayout<T>.size, as: T.self))
      }
    }
    switch dtype {
    case .f32:
      Tensor.copy(source.baseAddress! + elements.lowerBound * 4, to: target, count: elements.count)
    case .f64: convert(Double.self) { Float($0) }
    case .f16: convert(UInt16.self) { Float(Float16(bitPattern: $0)) }
    case .bf16: convert(UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
    case .bool, .u8: convert(UInt8.self) { Float($0) }
    case .i8: convert(Int8.self) { Float($0) }
    case .i16: convert(Int16.self) { Float($0) }
    case .u16: convert(UInt16.self) { Float($0) }
    case .i32: convert(Int32.self) { Float($0) }
    case .u32: convert(UInt32.self) { Float($0) }
    case .i64: convert(Int64.self) { Float($0) }
    case .u64: convert(UInt64.self) { Float($0) }
    default: throw Failure(place, "expected a number type, found \(dtype.rawValue)")
    }
  }

  /// Copies `count` floats.
  ///
  /// A function of its own: Swift 6.3 compiles a throwing function that ends in memcpy to a jump there that leaves the error
  /// register undefined, so that the caller sees a failure nobody threw.
  @inline(never)
  private static func copy(
    _ source: UnsafeRawPointer, to target: UnsafeMutablePointer<Float>, count: Int
  ) {
    memcpy(target, source, count * MemoryLayout<Float>.size)
  }
}
