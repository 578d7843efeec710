import Foundation
import Platform

extension InputFile {
  /// Above this many bytes a stream goes to a temporary file instead of memory.
  static let memoryLimit = 64 << 20

  /// The whole regular file.
  func mapped() throws -> ByteStorage {
    try ByteStorage(mapping: descriptor, count: size ?? 0, place: place)
  }

  /// `start` followed by the next `count` bytes of the stream, fewer when it ends before.
  ///
  /// In memory up to `memoryLimit`, beyond it in an unlinked file in TMPDIR that is mapped.
  func storage(startingWith start: [UInt8], atMost count: Int) throws -> ByteStorage {
    let head = try start + read(atMost: min(count, InputFile.memoryLimit))
    var left = count - (head.count - start.count)
    if head.count - start.count < InputFile.memoryLimit || left == 0 {
      return head.withUnsafeBytes { ByteStorage(copying: $0) }
    }
    let spill = try SpillFile(place: place)
    try spill.write(head)
    while left > 0 {
      let piece = try readPiece(atMost: min(left, 1 << 20))
      if piece.isEmpty { break }
      try spill.write(piece)
      left -= piece.count
    }
    return try spill.mapped()
  }
}

/// A file without a name in TMPDIR, gone when the last mapping of it goes, however the process
/// ends.
private final class SpillFile {
  private let folder = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
  private let place: String
  private let descriptor: Int32
  private var count = 0

  init(place: String) throws {
    self.place = place
    var name = Array("\(folder)/fpq-XXXXXX".utf8CString)
    descriptor = mkstemp(&name)
    guard descriptor >= 0 else { throw failure() }
    unlink(name)
  }

  deinit { close(descriptor) }

  func write(_ bytes: [UInt8]) throws {
    guard bytes.withUnsafeBytes({ writeAll($0, to: descriptor) }) else { throw failure() }
    count += bytes.count
  }

  func mapped() throws -> ByteStorage {
    try ByteStorage(mapping: descriptor, count: count, place: place)
  }

  private func failure() -> Failure {
    Failure(place, "cannot be kept in TMPDIR, \(folder): \(systemReason())")
  }
}
