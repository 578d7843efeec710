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
    if ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].contains(path) {
      self.path = "<stdout>"
      descriptor = STDOUT_FILENO
      destination = .stdout
      try refuseTerminal()
      return
    }
    self.path = path
    let target = OutputFile.followingLinks(path)
    var status = stat()
    let exists = stat(target, &status) == 0
    if !exists && errno != ENOENT { throw OutputFile.failure(path) }
    switch status.st_mode & S_IFMT {
    case S_IFDIR where exists: throw Failure(path, "expected a file to write, found a folder")
    case S_IFREG where exists:
      guard access(target, W_OK) == 0 else { throw OutputFile.failure(path) }
    case _ where exists:
      descriptor = open(target, O_WRONLY | O_CLOEXEC | O_NOCTTY)
      destination = .special
      guard descriptor >= 0 else { throw OutputFile.failure(path) }
      try refuseTerminal()
      return
    default: break
    }
    let temporary = try OutputFile.temporary(beside: target, for: path)
    slot = Interrupt.remember(temporary.path)
    descriptor = temporary.descriptor
    destination = .file(target: target, temporary: temporary.path)
    // A new file gets what the umask leaves; one that is replaced keeps its permissions, as `>`
    // would.
    if exists { fchmod(descriptor, status.st_mode & 0o777) }
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

  private func refuseTerminal() throws {
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

  /// Removes what processes that were killed left of the file `name` in `folder`.
  private static func removeStale(of name: String, in folder: String) {
    let place = folder.isEmpty ? "." : folder
    for entry in (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? []
    where entry.hasPrefix("\(name).") && entry.hasSuffix(".part") {
      let number = entry.dropFirst(name.count + 1).dropLast(5).prefix { $0.isASCII && $0.isNumber }
      // No such process: not of another user, or of a container with numbers of its own, for long.
      guard let id = pid_t(number), id > 0, kill(id, 0) != 0, errno == ESRCH else { continue }
      unlink(folder + entry)
    }
  }

  /// A new file in the folder of `target`, of a name no other process uses.
  private static func temporary(
    beside target: String, for path: String
  ) throws -> (path: String, descriptor: Int32) {
    let start = target.lastIndex(of: "/").map { target.index(after: $0) } ?? target.startIndex
    guard start < target.endIndex else {
      throw Failure("expected the name of a file to write, found \"\(path)\"")
    }
    // Cut, so that the suffix fits within the 255 bytes of a name.
    let name = String(target[start...].prefix(50))
    removeStale(of: name, in: String(target[..<start]))
    for number in 0... {
      let suffix = number == 0 ? "" : "-\(number)"
      let temporary = "\(target[..<start])\(name).\(getpid())\(suffix).part"
      let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if descriptor >= 0 { return (temporary, descriptor) }
      guard errno == EEXIST else { break }
    }
    throw failure(path)
  }
}
