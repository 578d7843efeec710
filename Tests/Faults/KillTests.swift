import Foundation
import TestSupport
import Testing

/// Stages that are killed at any moment, again and again, come to the bytes of the run that was not.
@Test(arguments: SmallRun.stages)
func `killed at any moment, a stage comes to the same bytes`(_ run: SmallRun) throws {
  let calm = try run.folder()
  let start = ContinuousClock.now
  #expect(try run(in: calm).status == 0)
  let seconds = Double((ContinuousClock.now - start) / .milliseconds(1)) / 1000
  let whole = try files(in: calm)
  var generator = SystemRandomNumberGenerator()
  var (kills, folder) = (0, try run.folder())
  while kills < (triesAll ? 100 : 2) {
    let moment = Double.random(in: 0.01...(0.01 + seconds), using: &generator)
    let result = try run(in: folder, killedAfter: moment)
    if result.status == 137 {
      kills += 1
      continue
    }
    #expect(result.status == 0, "\(result.error)")
    let made = try files(in: folder).filter { !$0.key.contains(".part") }
    #expect(made == whole, "after \(kills) kills")
    folder = try run.folder()
  }
  #expect(try run(in: folder).status == 0)
  let made = try files(in: folder).filter { !$0.key.contains(".part") }
  #expect(made == whole, "after \(kills) kills")
}
