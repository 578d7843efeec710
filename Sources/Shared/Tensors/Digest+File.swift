import Foundation
import Platform

extension Digest {
  /// Above so many bytes a file is not read whole.
  private static let longest = 16 << 20
  /// Of a longer file: how many pieces are read, and their bytes.
  private static let (pieces, piece) = (64, 4096)

  /// Adds what tells the regular file at `path` from others: its size and, up to 16 MiB, its bytes;
  /// of a longer file the time when it was last written, and 4 KiB at each of 64 places.
  ///
  /// So an encoder of 19 GB is known in milliseconds. Files of the same size and time of writing
  /// that differ only between those places would be taken for the same.
  ///
  /// - Parameters:
  ///   - path: of the file.
  ///   - countsTime: false leaves the time out, which a copy does not have.
  /// - Throws: `Failure` for a file that cannot be read.
  package func add(fileAt path: String, countsTime: Bool = true) throws {
    let file = try InputFile(regular: path, kind: "a file")
    defer { file.finish() }
    let storage = try file.mapped()
    let bytes = storage.bytes
    add("\(bytes.count)\n")
    guard bytes.count > Digest.longest else { return add(bytes) }
    if countsTime {
      var status = stat()
      fstat(file.descriptor, &status)
      add("\(status.st_mtim.tv_sec) \(status.st_mtim.tv_nsec)\n")
    }
    let last = bytes.count - Digest.piece
    for index in 0..<Digest.pieces {
      let start = last / (Digest.pieces - 1) * index
      add(UnsafeRawBufferPointer(rebasing: bytes[start..<(start + Digest.piece)]))
    }
  }
}
