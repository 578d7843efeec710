import Foundation
import Platform

/// Bytes that tensors are views of: a mapped file, or memory that came from a pipe or a
/// computation.
package final class ByteStorage: @unchecked Sendable {
  package let bytes: UnsafeRawBufferPointer
  /// Whether the bytes are pages of a file, which the system can read again.
  private let isMapped: Bool
  private let release: (UnsafeRawBufferPointer) -> Void

  private init(
    _ bytes: UnsafeRawBufferPointer, isMapped: Bool = false,
    release: @escaping (UnsafeRawBufferPointer) -> Void
  ) {
    (self.bytes, self.isMapped, self.release) = (bytes, isMapped, release)
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
    self.init(UnsafeRawBufferPointer(start: start, count: count), isMapped: true) {
      munmap(UnsafeMutableRawPointer(mutating: $0.baseAddress), $0.count)
    }
  }

  deinit { release(bytes) }

  /// Has the system read the pages of `range` of a mapped file into its cache, ahead of their use.
  ///
  /// Returns when the reading is under way; on a slow disk that can take a good part of it.
  func willNeed(_ range: Range<Int>) {
    let first = range.lowerBound / ByteStorage.page * ByteStorage.page
    advise(first..<range.upperBound, MADV_WILLNEED)
  }

  /// Takes the pages that lie whole within `range` of a mapped file from this process's memory.
  ///
  /// Reading them again brings the same bytes back, as the mapping is private and never written to;
  /// meanwhile the system may use their memory for something else.
  func letGo(_ range: Range<Int>) {
    let page = ByteStorage.page
    let (first, end) = ((range.lowerBound + page - 1) / page, range.upperBound / page)
    if first < end { advise((first * page)..<(end * page), MADV_DONTNEED) }
  }

  /// Advises the system on bytes that begin at a page, as the mapping itself does.
  ///
  /// Advice that it does not take costs time only, so what it answers is not looked at.
  private func advise(_ range: Range<Int>, _ advice: Int32) {
    guard isMapped, !range.isEmpty, let base = bytes.baseAddress else { return }
    madvise(UnsafeMutableRawPointer(mutating: base + range.lowerBound), range.count, advice)
  }

  private static let page = sysconf(Int32(_SC_PAGESIZE))
}
