import Foundation

/// A file that appears complete or not at all, or stdout for `-`.
///
/// Bytes go to a temporary name beside the target; `commit` flushes them to disk and renames. Without
/// `commit` the temporary file is removed and an existing target stays as it was.
package final class OutputFile {
  package let path: String
  private let descriptor: Int32
  private let temporary: String?
  private var committed = false

  /// Opens `path` for writing, or stdout when it is `-`.
  ///
  /// - Throws: `Failure` when the folder is not writable, or when binary data would go to a terminal.
  package init(_ path: String) throws {
    self.path = path == "-" ? "<stdout>" : path
    if path == "-" {
      if Console.outputIsTerminal {
        throw Failure("<stdout>", "expected a file or a pipe for binary data, found a terminal")
      }
      temporary = nil
      descriptor = STDOUT_FILENO
      return
    }
    let name = "\(path).\(ProcessInfo.processInfo.processIdentifier).part"
    descriptor = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw Failure(path, "cannot be written: \(OutputFile.reason())")
    }
    temporary = name
    Interrupt.remember(name)
  }

  package func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = Foundation.write(
        descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw Failure(path, "cannot be written: \(OutputFile.reason())") }
      rest = rest.dropFirst(count)
    }
  }

  package func write(_ data: some Sequence<UInt8>) throws {
    try ContiguousArray(data).withUnsafeBytes { try write($0) }
  }

  /// Makes the file appear under its name.
  package func commit() throws {
    if let temporary {
      guard fsync(descriptor) == 0 || errno == EINVAL, rename(temporary, path) == 0 else {
        throw Failure(path, "cannot be written: \(OutputFile.reason())")
      }
      Interrupt.forget(temporary)
      close(descriptor)
    } else if close(descriptor) != 0 {
      throw Failure(path, "cannot be written: \(OutputFile.reason())")
    }
    committed = true
  }

  deinit {
    guard !committed, let temporary else { return }
    close(descriptor)
    unlink(temporary)
    Interrupt.forget(temporary)
  }

  static func reason() -> String { String(cString: strerror(errno)).lowercased() }
}
