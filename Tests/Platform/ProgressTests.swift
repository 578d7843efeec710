import Foundation
import Platform
import Synchronization
import Testing

/// A log file gets a line now and then, not a bar.
@Test func `progress is said in lines where there is no terminal`() {
  let said = Mutex<[String]>([])
  let progress = Progress("statistics", total: 4, unit: "steps", isDrawn: false, interval: 0) {
    line in said.withLock { $0.append(line) }
  }
  progress.advance()
  progress.advance(3)
  progress.finish()
  let lines = said.withLock { $0 }
  #expect(lines.count == 2)
  #expect(lines[0].hasPrefix("statistics [#####...............] 1/4 "))
  #expect(lines[1].hasPrefix("statistics [####################] 4/4 "))
}

@Test func `work of less than the interval says nothing`() {
  let said = Mutex(0)
  let progress = Progress("x", total: 1, unit: "steps", isDrawn: false, interval: 3600) { _ in
    said.withLock { $0 += 1 }
  }
  progress.advance()
  #expect(said.withLock { $0 } == 0)
}
