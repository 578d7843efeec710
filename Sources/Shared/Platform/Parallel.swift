import Dispatch
import Foundation
import Synchronization

/// Work on all cores, in pieces whose borders never depend on how many threads there are.
///
/// A caller splits its work into `count` numbered pieces with fixed borders; threads take the next
/// number until none is left. Each piece writes its own part of the result, so the bytes are the
/// same for any number of threads.
package enum Parallel {
  private static let limit = Atomic<Int>(ProcessInfo.processInfo.activeProcessorCount)

  /// How many threads work at once, at least 1; set once, from `--threads`.
  package static var threads: Int {
    get { limit.load(ordering: .relaxed) }
    set { limit.store(max(1, newValue), ordering: .relaxed) }
  }

  /// Calls `body(0)` to `body(count - 1)`, each once, in any order; returns when all are done.
  package static func forEach(_ count: Int, _ body: (Int) -> Void) {
    let workers = min(threads, count)
    if workers <= 1 {
      for index in 0..<max(0, count) { body(index) }
      return
    }
    let next = Atomic<Int>(0)
    withoutActuallyEscaping(body) { body in
      // Dispatch asks for a Sendable closure; the caller's pieces are disjoint and all end before
      // this returns.
      nonisolated(unsafe) let work = body
      DispatchQueue.concurrentPerform(iterations: workers) { _ in
        while true {
          let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
          if index >= count { return }
          work(index)
        }
      }
    }
  }

  /// As `forEach`, for bodies that throw: the failure of the lowest index is thrown at the end.
  package static func tryForEach(_ count: Int, _ body: (Int) throws -> Void) throws {
    let first = Mutex<(index: Int, error: any Error)?>(nil)
    forEach(count) { index in
      do {
        try body(index)
      } catch {
        first.withLock { if $0.map({ index < $0.index }) ?? true { $0 = (index, error) } }
      }
    }
    if let failed = first.withLock({ $0 }) { throw failed.error }
  }

  /// Splits `0..<total` into chunks of `size` (the last may be shorter) and calls `body` with each.
  package static func chunks(of total: Int, size: Int, _ body: (Range<Int>) -> Void) {
    forEach((total + size - 1) / size) { body(($0 * size)..<min(total, ($0 + 1) * size)) }
  }
}
