import Foundation
import Synchronization

/// What this process has used of the machine's memory.
package enum Memory {
  /// The largest size of what is not mapped from files, in bytes, while it was watched.
  private static let peak = Atomic(0)

  /// The largest resident size so far, mapped files included, in units of 10^6 bytes.
  package static var peakMegabytes: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Int(usage.ru_maxrss) * 1024 / 1_000_000
  }

  /// Starts to look at the size every few milliseconds: the kernel keeps no maximum without mapped
  /// files.
  package static func watch() {
    Thread.detachNewThread {
      while true {
        look()
        usleep(5000)
      }
    }
  }

  /// The largest size of what is not mapped from files so far, in bytes, if it was watched; at least
  /// that of now.
  package static var needed: Int {
    look()
    return peak.load(ordering: .relaxed)
  }

  /// Bytes that this process can have: of the machine, or of its control group where that has less;
  /// nil where the system does not say.
  package static var available: Int? {
    func number(_ path: String) -> Int? {
      text(path).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }
    let line = text("/proc/meminfo")?.split(separator: "\n").first {
      $0.hasPrefix("MemAvailable:")
    }
    let machine = line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map {
      $0 * 1024
    }
    // Version 2, then version 1, as a container sees its own.
    let limit =
      number("/sys/fs/cgroup/memory.max")
      ?? number("/sys/fs/cgroup/memory/memory.limit_in_bytes")
    return [machine, limit].compactMap(\.self).min()
  }

  /// What was needed at most, and with the mapped files, which the system lets go where memory is
  /// short: `peak memory 976 MB, 9739 MB with mapped files`.
  package static var summary: String {
    let needed = needed / 1_000_000
    return "peak memory \(needed) MB, \(max(needed, peakMegabytes)) MB with mapped files"
  }

  /// What a file of the kernel says, whole: Foundation takes a read that brought less than it asked
  /// for as the end of a file whose size is 0, as theirs are.
  private static func text(_ path: String) -> String? {
    (try? InputFile.contents(of: path, kind: "a file of the kernel")).map {
      String(decoding: $0, as: UTF8.self)
    }
  }

  private static func look() {
    // Pages: all, resident, resident and of files.
    guard let text = text("/proc/self/statm") else { return }
    let pages = text.split(separator: " ").compactMap { Int($0) }
    guard pages.count > 2 else { return }
    peak.max((pages[1] - pages[2]) * Int(getpagesize()), ordering: .relaxed)
  }
}
