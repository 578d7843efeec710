/// Which samples a block learns from, and which only judge: about an eighth is held back, in whole
/// prompts where there are several.
package struct SampleSplit: Sendable {
  package let training: [Int]
  package let heldBack: [Int]

  package init(_ samples: [CalibrationSamples.Sample]) {
    let prompts = Set(samples.map(\.prompt)).sorted()
    /// The last of every eight of `count`, or of all when they are fewer.
    func judges(_ rank: Int, of count: Int) -> Bool { rank % 8 == min(8, count) - 1 }
    let held: [Bool]
    if prompts.count > 1 {
      let judging = Set(
        prompts.enumerated().filter { judges($0.offset, of: prompts.count) }.map(\.element))
      held = samples.map { judging.contains($0.prompt) }
    } else {
      held = samples.indices.map { judges($0, of: samples.count) }
    }
    heldBack = samples.indices.filter { held[$0] }
    // A single sample judges itself.
    training = samples.count == 1 ? [0] : samples.indices.filter { !held[$0] }
  }

  /// At most `count` of the training samples, evenly spread.
  func spread(_ count: Int) -> [Int] {
    let step = max(1, (training.count + count - 1) / count)
    return stride(from: 0, to: training.count, by: step).map { training[$0] }
  }
}
