import Foundation
import Synchronization

/// One line of progress with rate and time left, redrawn on stderr where that is a terminal; a line
/// each minute where it is not.
///
/// Nothing is drawn in the first second, so that short work stays quiet.
package final class Progress: Sendable {
  private struct State {
    var done = 0
    var drawn: Date?
    var said: Date?
  }

  private let title: String
  private let total: Int
  private let unit: String
  private let isDrawn: Bool
  /// Seconds between two lines that are said, and who says them.
  private let interval: Double
  private let say: @Sendable (String) -> Void
  private let start = Date()
  private let state = Mutex(State())

  package init(
    _ title: String, total: Int, unit: String, isDrawn: Bool = Console.errorIsTerminal,
    interval: Double = 60, say: @escaping @Sendable (String) -> Void = Console.say
  ) {
    (self.isDrawn, self.interval, self.say) = (isDrawn, interval, say)
    self.title = title
    self.total = total
    self.unit = unit
  }

  /// Counts `steps` more units as done, from any thread.
  package func advance(_ steps: Int = 1) {
    let now = Date()
    state.withLock { state in
      state.done += steps
      let elapsed = now.timeIntervalSince(start)
      guard isDrawn else {
        guard now.timeIntervalSince(state.said ?? start) >= interval else { return }
        state.said = now
        return say(line(done: state.done, elapsed: elapsed))
      }
      guard elapsed > 1, now.timeIntervalSince(state.drawn ?? start) > 0.1
      else { return }
      state.drawn = now
      let room = Progress.terminalColumns() - Console.toolName.count - 3
      Console.draw(String(line(done: state.done, elapsed: elapsed).prefix(max(0, room))))
    }
  }

  /// Erases the line.
  package func finish() {
    state.withLock { if $0.drawn != nil { Console.draw(nil) } }
  }

  /// What is drawn when `done` units took `elapsed` seconds.
  package func line(done: Int, elapsed: Double) -> String {
    let filled = total > 0 ? min(20, max(0, Int(clamping: 20 * Double(done) / Double(total)))) : 20
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 20 - filled)
    let rate = Double(done) / max(elapsed, .leastNormalMagnitude)
    let left = rate > 0 ? Progress.clock(Double(total - done) / rate) : "?"
    return "\(title) [\(bar)] \(done)/\(total) "
      + String(format: "%.*f ", rate < 10 ? 2 : 0, rate) + "\(unit)/s, \(left) left"
  }

  static func clock(_ seconds: Double) -> String {
    // A year is long enough to say.
    let whole = Int(clamping: min(max(0, seconds), 31_536_000).rounded())
    return whole >= 3600
      ? String(format: "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60)
      : String(format: "%d:%02d", whole / 60, whole % 60)
  }

  private static func terminalColumns() -> Int {
    var size = winsize()
    return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
      ? Int(size.ws_col) : 80
  }
}
