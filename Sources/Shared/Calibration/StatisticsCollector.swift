import Models
import Platform
import Tensors

/// Watches the float model run and adds what it sees to the statistics of each input site.
final class StatisticsCollector: LayerObserver {
  private(set) var sites: [String: SiteStatistics] = [:]
  private let tokensPerSample: Int
  private let steps: Int
  /// Number of the prompt being sampled; with the step it seeds the choice of tokens.
  var prompt = 0
  /// The sampler step; nil while the text is prepared.
  var step: Int?
  /// Samples (CFG halves) in a batch.
  var batch = 1

  init(tokensPerSample: Int, steps: Int, resumed: [SiteStatistics]) {
    self.tokensPerSample = tokensPerSample
    self.steps = steps
    for statistics in resumed { sites[statistics.site] = statistics }
  }

  func observe(site: String, layers: [String], input: Matrix, valid: [Bool]?) {
    let statistics =
      sites[site] ?? SiteStatistics(site: site, layers: layers, channels: input.columns)
    sites[site] = statistics
    statistics.add(
      input, selected: selectedRows(of: input.rows, valid: valid), step: step, steps: steps)
  }

  func observe(module: String, output: Matrix) {}

  /// Lets all that was seen of this prompt enter the sums.
  func finishPrompt() { sites.values.forEach { $0.flush() } }

  /// The rows that enter: of each sample a fixed pseudo-random subset of at most `tokensPerSample` valid rows, ascending.
  private func selectedRows(of rows: Int, valid: [Bool]?) -> [Int] {
    let perSample = rows / batch
    return (0..<batch).flatMap { sample -> [Int] in
      var candidates = (sample * perSample..<(sample + 1) * perSample)
        .filter { valid?[$0] ?? true }
      guard candidates.count > tokensPerSample else { return candidates }
      var random = SplitMix64(
        state: UInt64(prompt) << 32 ^ UInt64(step ?? steps) << 8 ^ UInt64(sample))
      for index in 0..<tokensPerSample {
        let other = index + Int(random.next() % UInt64(candidates.count - index))
        candidates.swapAt(index, other)
      }
      return candidates[..<tokensPerSample].sorted()
    }
  }
}

/// Steele, Lea and Flood's generator: a few lines that give the same numbers everywhere.
package struct SplitMix64 {
  private var state: UInt64

  package init(state: UInt64) { self.state = state }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
