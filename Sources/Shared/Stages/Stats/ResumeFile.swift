import Foundation
import Platform
import Streams

/// Where a run keeps what it has so far, to be continued after a kill: a statistics file beside the
/// output.
///
/// Every prompt changes all sums, so the file is written whole. It is written after a prompt
/// whenever that costs at most a fiftieth of the time since it was written last. The statistics of
/// a PixArt-XL take 3.4 GB and some seconds, a prompt takes minutes: there it is written after each
/// prompt, and a kill loses no more than the prompt at hand. Where prompts take less, some seconds
/// are lost.
struct ResumeFile {
  let path: String
  /// Prompts between two writes; nil: as the time says.
  private let interval: Int?
  private var promptsSince = 0
  /// Whether the last prompt is in the file.
  private var hasAll = false
  private var written = ContinuousClock.now
  private var cost = Duration.zero

  init(path: String, interval: Int?) { (self.path, self.interval) = (path, interval) }

  /// The earlier run's statistics; nil when there are none.
  ///
  /// - Throws: `Failure` when they are of another model or other settings.
  func open(run: StatisticsRun, modelSHA256: String) throws -> StatisticsFile? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let earlier = try StatisticsFile(path)
    guard earlier.metadata.modelSHA256 == modelSHA256, earlier.run == run else {
      throw Failure(
        path, "expected the same model and settings, found others; remove it to start anew")
    }
    return earlier
  }

  /// Called after each prompt; calls `write` with the file when it is time to.
  mutating func finishedPrompt(_ write: (OutputFile) throws -> Void) throws {
    promptsSince += 1
    hasAll = false
    let start = ContinuousClock.now
    guard interval.map({ promptsSince >= $0 }) ?? (start - written >= cost * 50) else { return }
    try write(OutputFile(path))
    (written, promptsSince, hasAll) = (ContinuousClock.now, 0, true)
    cost = written - start
  }

  /// Gives the file the name `output`, if all prompts are in it.
  ///
  /// - Returns: whether it did.
  func becomeResult(_ output: String) -> Bool {
    hasAll && rename(path, output) == 0
  }

  func remove() { unlink(path) }
}
