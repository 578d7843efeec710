import Foundation
import Platform

/// Bytes that tensors are views of: a mapped file, or memory that came from a pipe or a
/// computation.
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

  /// The first `count` bytes of a regular file, mapped read-only; `descriptor` may be closed
  /// afterwards.
  ///
  /// A file that is replaced by rename while mapped keeps its old bytes here, so a tool may write
  /// over its own input.
  convenience init(mapping descriptor: Int32, count: Int, place: String) throws {
    guard count > 0 else {
      self.init(UnsafeRawBufferPointer(start: nil, count: 0)) { _ in }
      return
    }
    guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED
    else { throw Failure(place, "cannot be mapped: \(systemReason())") }
    self.init(UnsafeRawBufferPointer(start: start, count: count)) {
      munmap(UnsafeMutableRawPointer(mutating: $0.baseAddress), $0.count)
    }
  }

  deinit { release(bytes) }
}
