import Foundation

/// What this process has used of the machine's memory.
package enum Memory {
  /// The largest resident size so far, in units of 10^6 bytes.
  package static var peakMegabytes: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Int(usage.ru_maxrss) * 1024 / 1_000_000
  }
}
