import Calibration
import Foundation
import Layers
import Models
import Pipeline
import Platform
import Sampling
import Streams
import Tensors

/// The stage of `fpq-stats --part`: runs a text encoder on prompts and sums up what its layers see.
///
/// All texts go through one block before the next one is read, and what it saw is written then: the
/// memory is that of one block's statistics, though those of a T5-XXL take 15 GB on the disk.
package struct CollectTextStatistics {
  package var part = ""
  package var model = ""
  package var folderOptions = ModelFolder.Options()
  package var prompts: [String] = []
  package var text = TextOptions()
  /// The shard: prompts `skip ..< skip + limit` of the list, numbered as in the whole list.
  package var skip = 0
  package var limit: Int?
  package var output = "-"
  /// What the arguments name.
  package var files = RunFiles()
  package var isVerbose = false

  package init() {}

  package func run() throws {
    let start = Date()
    let numbers = try promptShard(of: prompts.count, skip: skip, limit: limit)
    let (source, encoding, part) = try FloatModel.textEncoder(
      part, of: model, folderOptions, text)
    try files.check(notAmong: source.folder.files, of: "--model")
    let weights = try part.weights()
    let watched = WatchedTensors(weights)
    let encoder = try part.open(watched)
    try plan(encoder, part).check()
    let roles = LayerRoles(encoder.linears.map(\.role))
    let metadata = StatisticsFile.metadata(
      part: part.name, model: model, options: recordedOptions(folderOptions, source.folder),
      unused: watched.unused, sha256: try SHA256.hex(of: weights),
      run: .reading(
        TextSettings(
          promptLength: text.promptLength, cleansCaptions: encoding.cleansCaptions ?? false)),
      roles: roles,
      prompts: Dictionary(uniqueKeysWithValues: numbers.map { ($0, prompts[$0]) }))

    let tokenize = try part.openTokenizer()
    let ofPrompts = try numbers.map { number in
      try CalibrationTexts.texts(of: number, in: prompts, tokenize: tokenize).map(TextBatch.init)
    }
    let texts = ofPrompts.flatMap(\.self)
    // Sites in the order in which they are seen, block by block.
    let sites = SitesByBlock(encoder.linears)
    let file = try OutputFile(output)
    var writer = try SafetensorsWriter(
      sites.all.flatMap { site in
        site.isTable
          ? [StatisticsFile.unseenEntry(for: site.name).heading]
          : StatisticsFile.headings(for: site.name, channels: site.channels)
      }, metadata: metadata.dictionary, to: file)
    let collector = StatisticsCollector(tokensPerSample: .max, steps: 0, resumed: [])
    let progress = Progress("statistics", total: encoder.blockCount, unit: "blocks")
    for table in sites.tables { try writer.write(StatisticsFile.unseenEntry(for: table.name)) }
    let observer = PromptByPrompt(collector, texts: ofPrompts.map(\.count))
    var finished = 0
    _ = try encoder.encode(texts, observer: observer) {
      for site in sites.blocks[finished] {
        guard let statistics = collector.take(site.name), statistics.count > 0 else {
          throw Failure("\(weights.path): \(site.name)", "expected inputs to sum up, saw none")
        }
        guard statistics.isFinite else { throw weights.notFinite("inputs of \(site.name)") }
        for entry in StatisticsFile.entries(for: statistics) { try writer.write(entry) }
      }
      finished += 1
      progress.advance()
    }
    progress.finish()
    _ = try writer.finish()
    try file.commit()
    if isVerbose {
      let seconds = String(format: "%.1f", Date().timeIntervalSince(start))
      Console.say(
        "\(numbers.count) prompts, \(texts.count) texts, \(roles.sites.count) sites, \(seconds) s, "
          + Memory.summary)
    }
  }
}

/// Lets what a site sees enter the sums after each prompt, so that prompts can be shared out: inside
/// a sum of several tokens f32 rounds.
private final class PromptByPrompt: LayerObserver {
  private let collector: StatisticsCollector
  /// How many texts have been seen when a prompt's last one has.
  private let ends: Set<Int>
  /// Texts that each site has seen.
  private var seen: [String: Int] = [:]

  /// Of prompts that have so many texts each.
  init(_ collector: StatisticsCollector, texts: [Int]) {
    self.collector = collector
    var ends: Set<Int> = []
    _ = texts.reduce(0) { sum, count in
      ends.insert(sum + count)
      return sum + count
    }
    self.ends = ends
  }

  func observe(_ layers: [LayerRole], input: Matrix, samples: Int, valid: [Bool]?) {
    collector.observe(layers, input: input, samples: samples, valid: valid)
    for site in Set(layers.map(\.site)) {
      seen[site, default: 0] += 1
      if ends.contains(seen[site, default: 0]) { collector.flush(site) }
    }
  }

  func observe(module: String, output: Matrix) {}
}

/// The input sites of a text encoder.
private struct SitesByBlock {
  struct Site {
    let name: String
    let channels: Int
    /// Nothing is multiplied there.
    let isTable: Bool
  }

  private(set) var tables: [Site] = []
  /// Of each block, in the order of the network.
  private(set) var blocks: [[Site]] = []

  var all: [Site] { tables + blocks.flatMap(\.self) }

  init(_ linears: [Linear]) {
    var seen: Set<String> = []
    var block: String?
    for layer in linears where seen.insert(layer.role.site).inserted {
      let site = Site(
        name: layer.role.site, channels: layer.inputs,
        isTable: layer.role.kind == .tokenEmbedding)
      guard let name = layer.role.block else {
        tables.append(site)
        continue
      }
      if name != block { blocks.append([]) }
      block = name
      blocks[blocks.count - 1].append(site)
    }
  }
}
