import Foundation

/// An opened input: a regular file, which callers map, or a pipe, which is read once.
///
/// Closed with `finish`.
package struct InputFile {
  /// The path as given, `<stdin>` for `-`.
  package let place: String
  package let descriptor: Int32
  /// The size of a regular file, nil for a pipe.
  package let size: Int?

  /// Opens `path`, or stdin for `-`; `kind` is what the caller expects, for messages.
  package init(_ path: String, kind: String) throws {
    place = path == "-" ? "<stdin>" : path
    descriptor = path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT {
        let target = try? FileManager.default.destinationOfSymbolicLink(atPath: place)
        let found = target.map { "a link to \($0), where nothing is" } ?? "none"
        throw Failure(place, "expected \(kind), found \(found)")
      }
      throw Failure(place, "cannot be read: \(systemReason())")
    }
    if isatty(descriptor) == 1 {
      close(descriptor)
      throw Failure(place, "expected \(kind), found a terminal")
    }
    var status = stat()
    fstat(descriptor, &status)
    switch status.st_mode & S_IFMT {
    case S_IFDIR:
      close(descriptor)
      throw Failure(place, "expected \(kind), found a folder")
    // A file on stdin of which something was read already is treated as a stream.
    case S_IFREG where lseek(descriptor, 0, SEEK_CUR) == 0: size = Int(status.st_size)
    default: size = nil
    }
  }

  package func finish() { close(descriptor) }

  /// Opens the regular file `path`, as the files of a model folder are.
  ///
  /// Opening a pipe that nobody writes to would wait for ever, and a device has no end.
  ///
  /// - Throws: `Failure` for anything else, and as above.
  package init(regular path: String, kind: String) throws {
    var status = stat()
    if stat(path, &status) == 0 {
      let found: String? =
        switch status.st_mode & S_IFMT {
        case S_IFIFO: "a named pipe"
        case S_IFCHR, S_IFBLK: "a device"
        case S_IFSOCK: "a socket"
        default: nil
        }
      if let found { throw Failure(path, "expected \(kind), found \(found)") }
    }
    try self.init(path, kind: kind)
  }

  /// All bytes of the regular file `path`, of which there are at most 2^26.
  ///
  /// - Throws: `Failure` when it cannot be read, is longer, no regular file, or stands for another
  ///   file (Git LFS).
  package static func contents(of path: String, kind: String) throws -> Data {
    let file = try InputFile(regular: path, kind: kind)
    defer { file.finish() }
    let limit = 1 << 26
    guard let size = file.size, size <= limit else {
      throw Failure(path, "expected \(kind), found \(file.size ?? 0) bytes, more than \(limit)")
    }
    let bytes = try file.read(atMost: limit)
    guard !bytes.starts(with: Array("version https://git-lfs".utf8)) else {
      throw Failure(path, "expected \(kind), found a Git LFS pointer")
    }
    return Data(bytes)
  }

  /// The next `count` bytes, fewer when the input ends before.
  ///
  /// The count may come from a header that lies, so memory grows only as data arrives.
  package func read(atMost count: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      let piece = try readPiece(atMost: min(count - bytes.count, 1 << 20))
      if piece.isEmpty { break }
      bytes += piece
    }
    return bytes
  }

  /// Some of the next bytes; empty at the end.
  package func readPiece(atMost count: Int) throws -> [UInt8] {
    guard let piece = readSome(count, from: descriptor) else {
      throw Failure(place, "cannot be read: \(systemReason())")
    }
    return piece
  }
}
