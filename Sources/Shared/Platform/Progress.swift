import Foundation
import Synchronization

/// One line of progress with rate and time left, redrawn on stderr; silent unless stderr is a terminal.
///
/// Nothing is drawn in the first second, so that short work stays quiet.
package final class Progress: Sendable {
  private struct State {
    var done = 0
    var drawn: Date?
  }

  private let title: String
  private let total: Int
  private let unit: String
  private let start = Date()
  private let state = Mutex(State())

  package init(_ title: String, total: Int, unit: String) {
    self.title = title
    self.total = total
    self.unit = unit
  }

  /// Counts `steps` more units as done. May be called from any thread.
  package func advance(_ steps: Int = 1) {
    let now = Date()
    state.withLock { state in
      state.done += steps
      let elapsed = now.timeIntervalSince(start)
      guard Console.errorIsTerminal, elapsed > 1, now.timeIntervalSince(state.drawn ?? start) > 0.1
      else { return }
      state.drawn = now
      let rate = Double(state.done) / elapsed
      let left = Double(total - state.done) / rate
      let filled = total > 0 ? 20 * state.done / total : 20
      let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 20 - filled)
      let figures = String(format: "%.1f %@/s, %@ left", rate, unit, Progress.clock(left))
      Console.write(
        "\r\(Console.toolName): \(title) [\(bar)] \(state.done)/\(total) \(figures)\u{1B}[K")
    }
  }

  /// Erases the line.
  package func finish() {
    state.withLock { if $0.drawn != nil { Console.write("\r\u{1B}[K") } }
  }

  static func clock(_ seconds: Double) -> String {
    let whole = Int(max(0, seconds).rounded())
    return whole >= 3600
      ? String(format: "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60)
      : String(format: "%d:%02d", whole / 60, whole % 60)
  }
}
