import CFiles
import Foundation

/// A folder that appears complete or not at all, as `OutputFile` is a file that does.
///
/// It is filled under a temporary name beside the target. `commit` gives it the target's name in one
/// step, in which it takes the place of what stood there; without `commit` it is removed. A symbolic
/// link is followed.
package final class OutputFolder {
  /// As the user gave it, without slashes at the end.
  package let path: String
  /// Where it comes to stand: what links lead to.
  package let target: String
  /// Where it is until then.
  package let temporary: String
  /// Holds the lock.
  private let descriptor: Int32
  /// What an interrupt must remove.
  private var slots: [Int32] = []
  private var committed = false

  /// Makes the folder, and removes what killed processes have left of it.
  ///
  /// - Throws: `Failure` when it cannot be made.
  package init(_ path: String) throws {
    (self.path, target) = OutputFolder.names(path)
    OutputFolder.sweep(target)
    (temporary, descriptor) = try OutputFolder.make(beside: target, for: self.path)
    slots.append(Interrupt.remember(temporary))
    // As `OutputFile` keeps the permissions of what it replaces.
    var status = stat()
    if stat(target, &status) == 0 { fchmod(descriptor, status.st_mode & 0o777) }
  }

  /// Refuses what making the folder would refuse, and leaves no trace.
  package static func check(_ path: String) throws {
    let (path, target) = names(path)
    var status = stat()
    if stat(target, &status) == 0, status.st_mode & S_IFMT != S_IFDIR {
      throw Failure(path, "expected a folder or a place for one, found a file")
    }
    try probe(beside: target, for: path)
  }

  /// Makes a folder beside `target` and removes it again.
  ///
  /// - Throws: `Failure` naming `path` when that cannot be.
  static func probe(beside target: String, for path: String) throws {
    // What is left of one is empty.
    for left in TemporaryName.left(of: target, type: S_IFDIR) { rmdir(left) }
    let (temporary, descriptor) = try make(beside: target, for: path)
    rmdir(temporary)
    close(descriptor)
  }

  /// Where the file `name` is to be written, which an interrupt removes.
  package func file(_ name: String) -> String {
    slots.append(Interrupt.remember("\(temporary)/\(name)"))
    return "\(temporary)/\(name)"
  }

  /// Makes the folder `name` in it.
  package func makeFolder(_ name: String) throws {
    guard mkdir(file(name), 0o777) == 0 else { throw cannotBeWritten() }
  }

  /// Makes the link `name` in it to `destination`.
  package func makeLink(_ name: String, to destination: String) throws {
    guard symlink(destination, file(name)) == 0 else { throw cannotBeWritten() }
  }

  /// Gives it its name.
  ///
  /// - Parameter check: refuses by its `Failure` to replace the folder that it is given; not asked
  ///   about an empty one.
  /// - Throws: what `check` throws, and `Failure` when it cannot be renamed; then what stood there
  ///   stands there still.
  package func commit(replacing check: (_ folder: String) throws -> Void) throws {
    forgetSlots()
    // Another process may come before us between the two.
    while try !appear(), try !exchange(check) {}
    committed = true
  }

  /// Takes the name where nothing or an empty folder has it; false: something has.
  private func appear() throws -> Bool {
    if rename(temporary, target) == 0 { return true }
    guard errno == ENOTEMPTY || errno == EEXIST else { throw cannotBeWritten() }
    return false
  }

  /// Takes the place of what has the name, in one step; false: nothing has it.
  private func exchange(_ check: (_ folder: String) throws -> Void) throws -> Bool {
    guard fpq_exchange(temporary, target) == 0 else {
      switch errno {
      case ENOENT: return false
      case EINVAL, ENOSYS, ENOTSUP: return try putAside(check)
      default: throw cannotBeWritten()
      }
    }
    // The earlier one has a name now that nobody else writes to.
    do { try check(temporary) } catch {
      if fpq_exchange(temporary, target) != 0 { committed = true }
      throw error
    }
    remove(temporary)
    return true
  }

  /// As `exchange` where a file system cannot do it in one step.
  private func putAside(_ check: (_ folder: String) throws -> Void) throws -> Bool {
    try check(target)
    let old = String(temporary.dropLast("part".count)) + "old"
    Console.say(
      "\(path): its file system cannot exchange two folders in one step; a kill at this moment "
        + "leaves the earlier one as \(old), which the next run puts back")
    guard rename(target, old) == 0 else { throw cannotBeWritten() }
    guard rename(temporary, target) == 0 else {
      let failure = cannotBeWritten()
      rename(old, target)
      throw failure
    }
    remove(old)
    return true
  }

  private func remove(_ old: String) {
    do { try FileManager.default.removeItem(atPath: old) } catch {
      Console.say("\(old): the folder that was replaced, cannot be removed")
    }
  }

  private func cannotBeWritten() -> Failure {
    Failure(path, "cannot be written: \(systemReason())")
  }

  private func forgetSlots() {
    slots.forEach(Interrupt.forget)
    slots = []
  }

  deinit {
    if !committed { try? FileManager.default.removeItem(atPath: temporary) }
    forgetSlots()
    close(descriptor)
  }

  /// Removes what killed processes have left of `target`, and puts back what one has put aside.
  private static func sweep(_ target: String) {
    for old in TemporaryName.left(of: target, type: S_IFDIR, ending: "old") {
      // The new one had taken the name already, or not.
      if rename(old, target) != 0 { try? FileManager.default.removeItem(atPath: old) }
    }
    for left in TemporaryName.left(of: target, type: S_IFDIR) {
      try? FileManager.default.removeItem(atPath: left)
    }
  }

  private static func names(_ path: String) -> (path: String, target: String) {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return (path, OutputFile.followingLinks(path))
  }

  private static func make(
    beside target: String, for path: String
  ) throws -> (path: String, descriptor: Int32) {
    try TemporaryName.make(beside: target, for: path) {
      mkdir($0, 0o777) == 0 ? open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1
    }
  }
}
