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

  /// What was needed at most, and with the mapped files, which the system lets go where memory is
  /// short: `peak memory 976 MB, 9739 MB with mapped files`.
  package static var summary: String {
    look()
    let needed = peak.load(ordering: .relaxed) / 1_000_000
    return "peak memory \(needed) MB, \(max(needed, peakMegabytes)) MB with mapped files"
  }

  private static func look() {
    // Pages: all, resident, resident and of files.
    guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else {
      return
    }
    let pages = text.split(separator: " ").compactMap { Int($0) }
    guard pages.count > 2 else { return }
    peak.max((pages[1] - pages[2]) * Int(getpagesize()), ordering: .relaxed)
  }
}
