import Foundation

/// Files in memory, through which readers that take a path are given bytes.
enum FuzzFile {
  /// A file without a name, and a path that opens it.
  private static let nameless: (descriptor: Int32, path: String) = {
    var name = Array("/dev/shm/fpq-fuzz-XXXXXX".utf8CString)
    let descriptor = mkstemp(&name)
    precondition(descriptor >= 0, "no file in /dev/shm")
    unlink(name)
    return (descriptor, "/proc/self/fd/\(descriptor)")
  }()

  /// Calls `body` with the path of a file of these bytes.
  ///
  /// One at a time: each call replaces the bytes of the one before.
  static func with(_ bytes: UnsafeRawBufferPointer, _ body: (String) throws -> Void) throws {
    fill(nameless.descriptor, bytes)
    try body(nameless.path)
  }

  /// A folder of this process for readers of folders; files of one name replace each other.
  private static let folder: String = {
    var template = Array("/dev/shm/fpq-fuzz-XXXXXX".utf8CString)
    precondition(mkdtemp(&template) != nil, "no folder in /dev/shm")
    let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    atexit { try? FileManager.default.removeItem(atPath: FuzzFile.folder) }
    return path
  }()

  /// Calls `body` with the path of a folder `name` that has a file of these bytes, and others of
  /// the texts.
  static func with(
    _ bytes: UnsafeRawBufferPointer, as file: String, others: KeyValuePairs<String, String> = [:],
    in name: String, _ body: (String) throws -> Void
  ) throws {
    let path = "\(folder)/\(name)"
    if mkdir(path, 0o700) == 0 {
      for (file, text) in others {
        var text = text
        text.withUTF8 { write("\(path)/\(file)", UnsafeRawBufferPointer($0)) }
      }
    }
    write("\(path)/\(file)", bytes)
    try body(path)
  }

  private static func write(_ path: String, _ bytes: UnsafeRawBufferPointer) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    precondition(descriptor >= 0, path)
    defer { close(descriptor) }
    fill(descriptor, bytes)
  }

  private static func fill(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) {
    let isFilled =
      ftruncate(descriptor, 0) == 0
      && pwrite(descriptor, bytes.baseAddress, bytes.count, 0)
        == bytes.count
    precondition(isFilled, "no room for \(bytes.count) bytes")
  }
}
