import Foundation
import Platform
import Tensors

/// `fpq-show stats`: what a file says about itself; for statistics also one row per input site, for
/// a PNG its size and texts.
package enum DescribeFile {
  /// Below this many tokens per channel the Gram matrix is a poor estimate, and a warning says so.
  ///
  /// Its rank and its small eigenvalues then depend on which tokens were seen.
  package static let enoughTokens = 16.0

  package static func report(_ path: String) throws -> Report {
    if try isPNG(path) { return try picture(path) }
    let source = try OpenedTensors(path)
    let properties = source.metadata.sorted { $0.key < $1.key }
      .map { (key: $0.key, value: Table.Cell.text($0.value)) }
    guard source.metadata["fpq.kind"] == "stats" else {
      return Report(
        properties: properties + [("tensors", .integer(source.names.count))], parts: "",
        table: Table([]))
    }
    return Report(properties: properties, parts: "sites", table: try sites(of: source))
  }

  /// Looks at regular files only: what is read from a pipe is gone.
  private static func isPNG(_ path: String) throws -> Bool {
    guard path != "-", let input = try? InputFile(path, kind: "a file") else { return false }
    defer { input.finish() }
    return input.size != nil ? try input.read(atMost: 8) == PNGChunks.signature : false
  }

  private static func picture(_ path: String) throws -> Report {
    let (bytes, place) = try Image.contents(png: path)
    let image = try Image(pngBytes: bytes, place: place)
    let size: [(key: String, value: Table.Cell)] = [
      ("width", .integer(image.width)), ("height", .integer(image.height)),
    ]
    return Report(
      properties: size + PNGChunks.text(in: bytes).map { (key: $0.key, value: .text($0.value)) },
      parts: "", table: Table([]))
  }

  private static func sites(of source: OpenedTensors) throws -> Table {
    var table = Table([
      "site", "channels", "tokens", "tokens_per_channel", "rms", "absmax", "absmax_over_rms",
      "mean_over_sigma", "top_channels",
    ])
    var sparse: [SiteSummary] = []
    for name in source.names where name.hasSuffix(".gram") {
      let site = try SiteSummary(String(name.dropLast(5)), in: source)
      if site.tokensPerChannel < enoughTokens { sparse.append(site) }
      let top = site.offCentre.prefix(3).map { String(format: "%d:%.3g", $0.channel, $0.ratio) }
      table.append([
        .text(site.name), .integer(site.channels), .number(site.tokens),
        .number(site.tokensPerChannel), site.rootMeanSquare.map { .number($0) } ?? .none,
        .number(site.absmax),
        site.rootMeanSquare.map { .number(site.absmax / $0) } ?? .none,
        site.offCentre.first.map { .number($0.ratio) } ?? .none,
        top.isEmpty ? .none : .text(top.joined(separator: " ")),
      ])
    }
    if let least = sparse.min(by: { $0.tokensPerChannel < $1.tokensPerChannel }) {
      Console.say(
        "\(source.path): warning: \(sparse.count) of \(table.rows.count) sites have fewer than"
          + " \(Int(enoughTokens)) tokens per channel, least \(least.name) with"
          + String(format: " %.3g", least.tokensPerChannel))
    }
    return table
  }
}
