import Layers
import Platform
import Streams
import Tensors

/// Watches the float model run and adds what it sees to the statistics of each input site.
package final class StatisticsCollector: LayerObserver {
  private var sites: [String: SiteAccumulator] = [:]
  private let tokensPerSample: Int
  private let steps: Int
  /// The sites that are watched; nil: all.
  private let watched: Set<String>?
  /// Number of the prompt being sampled; with the step it seeds the choice of tokens.
  package var prompt = 0
  /// The sampler step; nil while the text is prepared.
  package var step: Int?

  /// - Parameters:
  ///   - tokensPerSample: how many tokens of each sample and step enter the sums, at most.
  ///   - steps: of the sampler.
  ///   - resumed: what an earlier run had summed.
  ///   - watched: the sites that are; nil: all.
  package init(
    tokensPerSample: Int, steps: Int, resumed: [SiteStatistics], watched: Set<String>? = nil
  ) {
    self.watched = watched
    self.tokensPerSample = tokensPerSample
    self.steps = steps
    for statistics in resumed { sites[statistics.site] = SiteAccumulator(statistics) }
  }

  package func observe(_ layers: [LayerRole], input: Matrix, samples: Int, valid: [Bool]?) {
    // The same values are seen where they are read first.
    guard let role = layers.first, role.statistics == role.site else { return }
    let site = role.site
    if let watched, !watched.contains(site) { return }
    let accumulator =
      sites[site] ?? SiteAccumulator(SiteStatistics(site: site, channels: input.columns))
    sites[site] = accumulator
    accumulator.add(
      input, selected: selectedRows(of: input.rows, samples: samples, valid: valid), step: step,
      steps: steps)
  }

  package func observe(module: String, output: Matrix) {}

  /// What was summed up at `site`, which is forgotten here; nil when nothing was seen.
  package func take(_ site: String) -> SiteStatistics? {
    sites[site]?.flush()
    return sites.removeValue(forKey: site)?.statistics
  }

  /// Lets what was seen at `site` enter the sums.
  package func flush(_ site: String) { sites[site]?.flush() }

  /// Lets all that was seen of this prompt enter the sums.
  package func finishPrompt() { sites.values.forEach { $0.flush() } }

  /// What was summed up, by site in ascending order.
  package var statistics: [SiteStatistics] {
    sites.values.map(\.statistics).sorted { $0.site < $1.site }
  }

  /// Refuses to have seen nothing of what a layer reads.
  ///
  /// - Parameters:
  ///   - roles: of all layers of the model.
  ///   - place: names the model.
  /// - Throws: `Failure` naming the first layer whose site saw no row.
  package func check(_ roles: LayerRoles, place: String) throws {
    for role in roles.all where sites[role.statistics].map({ $0.statistics.count == 0 }) ?? true {
      throw Failure("\(place): \(role.name)", "expected inputs to sum up, saw none")
    }
  }

  /// False when a NaN or infinity was seen.
  package var isFinite: Bool { sites.values.allSatisfy(\.statistics.isFinite) }

  /// The rows that enter: of each sample a fixed pseudo-random subset of at most `tokensPerSample`
  /// valid rows, ascending.
  private func selectedRows(of rows: Int, samples: Int, valid: [Bool]?) -> [Int] {
    let perSample = rows / samples
    return (0..<samples).flatMap { sample -> [Int] in
      let candidates = (sample * perSample..<(sample + 1) * perSample)
        .filter { valid?[$0] ?? true }
      guard candidates.count > tokensPerSample else { return candidates }
      var random = SplitMix64(
        state: UInt64(prompt) << 32 ^ UInt64(step ?? steps) << 8 ^ UInt64(sample))
      return random.choose(tokensPerSample, of: candidates).sorted()
    }
  }
}
