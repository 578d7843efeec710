import Foundation

/// The names under which an output stands beside its own until it is complete:
/// `NAME.PROCESS.part`, or `NAME.PROCESS-1.part` where that is taken.
///
/// Whoever makes one holds a lock on it while it is his, because the numbers of processes in another
/// container say nothing here.
package enum TemporaryName {
  /// Makes something of such a name in the folder of `target`.
  ///
  /// - Parameters:
  ///   - target: what it is to become.
  ///   - path: the same as the user gave it, for messages.
  ///   - create: makes it under the name that it is given; an open descriptor, or -1 with the reason
  ///     in `errno`.
  /// - Returns: its path, and its descriptor, which holds the lock.
  /// - Throws: `Failure` when `target` has no name, or nothing can be made there.
  static func make(
    beside target: String, for path: String, _ create: (_ path: String) -> Int32
  ) throws -> (path: String, descriptor: Int32) {
    guard let (folder, name) = parts(of: target) else {
      throw Failure("expected the name of a file to write, found \"\(path)\"")
    }
    for number in 0... {
      let suffix = number == 0 ? "" : "-\(number)"
      let temporary = "\(folder)\(name).\(getpid())\(suffix).part"
      let descriptor = create(temporary)
      if descriptor >= 0 {
        // Where a file system has no locks, the number of the process must do.
        _ = flock(descriptor, LOCK_EX | LOCK_NB)
        return (temporary, descriptor)
      }
      guard errno == EEXIST else { break }
    }
    throw Failure(path, "cannot be written: \(systemReason())")
  }

  /// What processes that are no more have left of `target` under such a name.
  ///
  /// - Parameters:
  ///   - target: what it was to become.
  ///   - type: `S_IFREG` or `S_IFDIR`.
  ///   - ending: of the names: `part`, or `old` for what was put aside.
  /// - Returns: paths.
  static func left(of target: String, type: mode_t, ending: String = "part") -> [String] {
    guard let (folder, name) = parts(of: target) else { return [] }
    let place = folder.isEmpty ? "." : folder
    let contents = (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? []
    return contents.filter { process(of: $0, of: name, ending: ending).map(isGone) ?? false }
      .map { "\(folder)\($0)" }.filter { isLeft($0, type: type) }
  }

  /// Whether `entry` is a temporary name of the file `name`.
  package static func matches(_ entry: String, of name: String) -> Bool {
    process(of: entry, of: shortened(name), ending: "part") != nil
  }

  private static func parts(of target: String) -> (folder: String, name: String)? {
    let (folder, name) = split(target)
    return name.isEmpty ? nil : (folder, shortened(name))
  }

  /// The folder of `target`, with the slash and empty for the one at hand, and its name.
  static func split(_ target: String) -> (folder: String, name: String) {
    let start = target.lastIndex(of: "/").map { target.index(after: $0) } ?? target.startIndex
    return (String(target[..<start]), String(target[start...]))
  }

  /// So that what is added fits within the 255 bytes of a name.
  private static func shortened(_ name: some StringProtocol) -> String { String(name.prefix(50)) }

  /// The process that wrote `name` under the name `entry`; nil: it is another name.
  private static func process(of entry: String, of name: String, ending: String) -> pid_t? {
    guard entry.hasPrefix("\(name)."), entry.hasSuffix(".\(ending)"),
      entry.utf8.count > name.utf8.count + ending.utf8.count + 2
    else { return nil }
    let numbers = entry.dropFirst(name.count + 1).dropLast(ending.count + 1)
      .split(separator: "-", omittingEmptySubsequences: false)
    // As they are written: no sign, no leading zero.
    let all = numbers.compactMap { text in
      pid_t(text).flatMap { $0 > 0 && String($0) == text ? $0 : nil }
    }
    return all.count == numbers.count && all.count <= 2 ? all[0] : nil
  }

  /// Also of one that has ended and that nobody has waited for yet: its state, after its name in
  /// parentheses, is Z.
  private static func isGone(_ process: pid_t) -> Bool {
    guard kill(process, 0) == 0 || errno != ESRCH else { return true }
    let line = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
    guard let line, let end = line.lastIndex(of: ")") else { return false }
    return line[end...].hasPrefix(") Z")
  }

  /// Whether nobody holds `path`, which is of the given type.
  private static func isLeft(_ path: String, type: mode_t) -> Bool {
    let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == type else { return false }
    return flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK
  }
}
