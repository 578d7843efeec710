import Dispatch
import Foundation
import Synchronization

/// Removes unfinished output when the user interrupts (Ctrl-C, SIGTERM), then dies of the same signal.
package enum Interrupt {
  private static let unfinished = Mutex<Set<String>>([])
  // Touched once, by `install`, before any thread starts.
  nonisolated(unsafe) private static var sources: [any DispatchSourceSignal] = []

  static func remember(_ path: String) { unfinished.withLock { _ = $0.insert(path) } }
  static func forget(_ path: String) { unfinished.withLock { _ = $0.remove(path) } }

  /// Installs the handlers; called once, by the tool's `main`.
  package static func install() {
    for number in [SIGINT, SIGTERM, SIGHUP] {
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(
        signal: number, queue: .global(qos: .userInteractive))
      source.setEventHandler {
        unfinished.withLock { $0.forEach { unlink($0) } }
        signal(number, SIG_DFL)
        raise(number)
      }
      source.resume()
      sources.append(source)
    }
  }
}
