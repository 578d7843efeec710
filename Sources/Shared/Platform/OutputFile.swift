import Foundation

/// A file that appears complete or not at all, or stdout for `-`.
///
/// Bytes go to a temporary name beside the target; `commit` flushes them to disk and renames.
/// Without `commit` the temporary file is removed and an existing target stays as it was. An input
/// that is being read may be the target: it keeps its old bytes until it is closed. A symbolic link
/// is followed; a device or a named pipe is written straight to.
package final class OutputFile {
  /// The path as given, `<stdout>` for `-`.
  package let path: String
  private let destination: Destination
  private var descriptor: Int32
  private var slot: Int32 = -1

  private enum Destination {
    case stdout
    /// A device or a pipe, which cannot be replaced.
    case special
    case file(target: String, temporary: String)
  }

  /// Opens `path` for writing, or stdout when it is `-`.
  ///
  /// - Throws: `Failure` when the target cannot be written, or when binary data would go to a
  ///   terminal.
  package init(_ path: String) throws {
    if OutputFile.isStdout(path) {
      self.path = "<stdout>"
      descriptor = STDOUT_FILENO
      destination = .stdout
      try OutputFile.refuseTerminal(descriptor, path: self.path)
      return
    }
    self.path = path
    let target = OutputFile.followingLinks(path)
    let status = try OutputFile.status(of: target, path: path)
    if let status, status.st_mode & S_IFMT != S_IFREG {
      descriptor = open(target, O_WRONLY | O_CLOEXEC | O_NOCTTY)
      destination = .special
      guard descriptor >= 0 else { throw OutputFile.failure(path) }
      try OutputFile.refuseTerminal(descriptor, path: path)
      return
    }
    let temporary = try OutputFile.temporary(beside: target, for: path)
    slot = Interrupt.remember(temporary.path)
    descriptor = temporary.descriptor
    destination = .file(target: target, temporary: temporary.path)
    // A new file gets what the umask leaves; one that is replaced keeps its permissions, as `>`
    // would.
    if let status { fchmod(descriptor, status.st_mode & 0o777) }
  }

  /// Refuses what opening `path` for writing would refuse, and leaves no trace.
  ///
  /// A named pipe is not opened: its reader would take that for the end.
  ///
  /// - Parameters:
  ///   - path: of the file.
  ///   - probes: whether a file is made in its folder, to see whether that can be.
  /// - Throws: `Failure` as `init` does.
  package static func check(_ path: String, probes: Bool = true) throws {
    if isStdout(path) { return try refuseTerminal(STDOUT_FILENO, path: "<stdout>") }
    let target = followingLinks(path)
    if let status = try OutputFile.status(of: target, path: path),
      status.st_mode & S_IFMT != S_IFREG
    {
      guard status.st_mode & S_IFMT != S_IFIFO else { return }
      let descriptor = open(target, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
      guard descriptor >= 0 else { throw failure(path) }
      defer { close(descriptor) }
      return try refuseTerminal(descriptor, path: path)
    }
    guard probes else { return }
    let temporary = try OutputFile.temporary(beside: target, for: path)
    unlink(temporary.path)
    close(temporary.descriptor)
  }

  package static func isStdout(_ path: String) -> Bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].contains(path)
  }

  /// What stands at `target`; nil: nothing yet.
  ///
  /// - Throws: `Failure` for a folder, and a file that may not be written.
  private static func status(of target: String, path: String) throws -> stat? {
    var status = stat()
    guard stat(target, &status) == 0 else {
      guard errno == ENOENT else { throw failure(path) }
      return nil
    }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: throw Failure(path, "expected a file to write, found a folder")
    case S_IFREG: guard access(target, W_OK) == 0 else { throw failure(path) }
    default: break
    }
    return status
  }

  package func write(_ bytes: UnsafeRawBufferPointer) throws {
    guard writeAll(bytes, to: descriptor) else { throw OutputFile.failure(path) }
  }

  package func write(_ data: some Sequence<UInt8>) throws {
    try ContiguousArray(data).withUnsafeBytes { try write($0) }
  }

  /// Makes the file appear under its name.
  ///
  /// - Throws: `Failure` when the last bytes do not reach the disk; then there is no file.
  package func commit() throws {
    if case .file(let target, let temporary) = destination {
      // EINVAL: a file system that has nothing to flush.
      guard fsync(descriptor) == 0 || errno == EINVAL, finish(), rename(temporary, target) == 0
      else { throw OutputFile.failure(path) }
      Interrupt.forget(slot)
      slot = -1
      committed = true
    } else if !finish() {
      throw OutputFile.failure(path)
    }
  }

  private var committed = false

  /// Closes; a network file system and a full disk may report only here that writing failed.
  private func finish() -> Bool {
    defer { descriptor = -1 }
    return close(descriptor) == 0
  }

  deinit {
    if case .stdout = destination { return }
    if descriptor >= 0 { close(descriptor) }
    if case .file(_, let temporary) = destination, !committed {
      unlink(temporary)
      Interrupt.forget(slot)
    }
  }

  private static func refuseTerminal(_ descriptor: Int32, path: String) throws {
    guard isatty(descriptor) == 0 else {
      throw Failure(path, "expected a file or a pipe for binary data, found a terminal")
    }
  }

  private static func failure(_ path: String) -> Failure {
    Failure(path, "cannot be written: \(systemReason())")
  }

  /// The path that `path` leads to when it is a symbolic link, also when nothing is there yet.
  package static func followingLinks(_ path: String) -> String {
    var path = path
    // As many as the kernel follows; beyond that, opening the file says what is wrong.
    for _ in 0..<40 {
      guard let next = try? FileManager.default.destinationOfSymbolicLink(atPath: path) else {
        break
      }
      let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
      path = next.hasPrefix("/") ? next : folder + next
    }
    return path
  }

  /// A new file in the folder of `target`, of a name no other process uses; what killed processes
  /// left under such names goes.
  private static func temporary(
    beside target: String, for path: String
  ) throws -> (path: String, descriptor: Int32) {
    for left in TemporaryName.left(of: target, type: S_IFREG) { unlink(left) }
    return try TemporaryName.make(beside: target, for: path) {
      open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    }
  }
}
