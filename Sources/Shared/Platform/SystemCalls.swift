import Foundation

/// Why the last system call failed, as the C library says it, in lower case.
package func systemReason() -> String { String(cString: strerror(errno)).lowercased() }

/// Writes all of `bytes`; false, with the reason in `errno`, when not all could be written.
package func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
  var rest = bytes[...]
  while !rest.isEmpty {
    let piece = UnsafeRawBufferPointer(rebasing: rest)
    let count = write(descriptor, piece.baseAddress, piece.count)
    if count >= 0 {
      rest = rest.dropFirst(count)
    } else if !mayRetry(descriptor, POLLOUT) {
      return false
    }
  }
  return true
}

/// Up to `capacity` bytes; empty at the end, nil with the reason in `errno` when reading fails.
package func readSome(_ capacity: Int, from descriptor: Int32) -> [UInt8]? {
  while true {
    var result = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, initialized in
      result = read(descriptor, buffer.baseAddress, capacity)
      initialized = max(0, result)
    }
    if result >= 0 { return bytes }
    if !mayRetry(descriptor, POLLIN) { return nil }
  }
}

/// The names of what is in the folder `path`, ascending.
///
/// - Throws: `Failure` when it is no folder, or may not be read.
package func folderContents(_ path: String) throws -> [String] {
  // Opened for the reason alone, which FileManager's errors do not keep.
  let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  guard descriptor >= 0 else { throw Failure(path, "cannot be read: \(systemReason())") }
  close(descriptor)
  do { return try FileManager.default.contentsOfDirectory(atPath: path).sorted() } catch {
    throw Failure(path, "cannot be read: \(systemReason())")
  }
}

/// Whether the call that just failed should be made again: it was interrupted, or the descriptor is
/// one that another process left non-blocking, and is ready now.
private func mayRetry(_ descriptor: Int32, _ event: Int32) -> Bool {
  if errno == EINTR { return true }
  guard errno == EAGAIN || errno == EWOULDBLOCK else { return false }
  var wait = pollfd(fd: descriptor, events: Int16(event), revents: 0)
  return poll(&wait, 1, -1) > 0 || errno == EINTR
}
