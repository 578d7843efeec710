import Formats
import Foundation
import Platform
import Tensors

/// A statistics stream: per observed site `S` the tensors `S.gram` F64 [K (K + 1) / 2] (the upper
/// triangle, row by row), `S.sum` F64 [K], `S.absmax` F32 [K], `S.step_absmax` F32 [steps],
/// `S.count` I64 [] and `S.histogram` I64 [8192] (`MagnitudeHistogram`; files of other makers may
/// have none), and in the metadata the roles of the layers and which prompts were seen.
///
/// Of a site that was never seen there is only its count, 0.
package final class StatisticsFile {
  package let path: String
  package let metadata: StreamMetadata
  package let roles: LayerRoles
  /// Sites in ascending order.
  package var sites: [String] { roles.sites }
  /// The calibration prompts by their number in the prompt file.
  package let prompts: [Int: String]
  package let run: StatisticsRun
  private let source: SafetensorsFile

  /// Opens `path` (`-`: stdin) and checks that every site has its tensors in shapes that fit.
  package init(_ path: String) throws {
    source = try SafetensorsFile(path)
    self.path = source.path
    metadata = try StreamMetadata(of: source, expected: .stats)
    run = try StatisticsRun(
      json: metadata.setting("settings", in: source.path),
      isOfTransformer: metadata.part == ModelFolder.transformerPart, place: source.path)
    roles = try LayerRoles(json: metadata.setting("roles", in: source.path), place: source.path)
    var prompts: [Int: String] = [:]
    let list = try metadata.setting("prompts", in: source.path)
    for (number, prompt) in try JSON.object(list, place: source.path) {
      guard let number = Int(number), case .string(let text) = prompt else {
        throw Failure(source.path, "expected numbered prompts in the metadata")
      }
      prompts[number] = text
    }
    self.prompts = prompts
    for site in roles.observedSites where try tokens(of: site) != nil {
      let channels = try source.tensor("\(site).sum").count
      guard channels < 1 << 20 else {
        throw Failure("\(source.path): \(site).sum", "expected a channel for each input")
      }
      _ = try source.tensor("\(site).gram", shape: [SiteStatistics.triangle(channels)])
      _ = try source.tensor("\(site).absmax", shape: [channels])
    }
  }

  /// The names of its tensors, ascending.
  package var tensorNames: [String] { source.names }

  /// A tensor as it lies in the file.
  package func tensor(_ name: String) throws -> Tensor { try source.tensor(name) }

  /// How many tokens of `site`, one of the observed, were summed; nil for one that was never seen.
  private func tokens(of site: String) throws -> Double? {
    let count = try source.tensor("\(site).count", shape: []).doubles()[0]
    return count != 0 || source.find("\(site).sum") != nil ? count : nil
  }

  /// The statistics of one site, read now; of several that read the same values they stand in the
  /// file once.
  ///
  /// - Returns: nil for a site that was never seen.
  /// - Throws: `Failure` naming the tensor for a wrong element type or for values that are not
  ///   finite.
  package func statistics(of site: String) throws -> SiteStatistics? {
    let seen = roles.statistics(of: site)
    guard let count = try tokens(of: seen) else { return nil }
    let sum = try source.tensor("\(seen).sum").doubles()
    let moments = try source.tensor("\(seen).gram")
    let gram = try moments.doubles()
    // Those of all sites are as much as several models.
    moments.letGo()
    guard (0...0x1p53).contains(count), gram.allSatisfy(\.isFinite), sum.allSatisfy(\.isFinite)
    else {
      throw Failure("\(path): \(seen).gram", "expected finite numbers, found NaN or infinity")
    }
    return SiteStatistics(
      site: site, gram: gram, sum: sum, absmax: try source.tensor("\(seen).absmax").floats(),
      stepAbsmax: try source.find("\(seen).step_absmax")?.floats() ?? [],
      count: Int(clamping: count),
      histogram: try histogram(of: seen))
  }

  /// How often each magnitude was seen at `site`; nil in a file without counts.
  ///
  /// - Throws: `Failure` naming the tensor for counts that are none.
  private func histogram(of site: String) throws -> MagnitudeHistogram? {
    let name = "\(site).histogram"
    guard source.find(name) != nil else { return nil }
    let tensor = try source.tensor(name, shape: [MagnitudeHistogram.bins])
    let counts = try tensor.doubles()
    guard tensor.dtype == .i64, counts.allSatisfy({ (0...0x1p53).contains($0) }) else {
      throw Failure(tensor.place, "expected I64 counts, found \(tensor.dtype.rawValue) or others")
    }
    return MagnitudeHistogram(counts: counts.map { Int64(clamping: $0) })
  }

  /// What to write for a site that was never seen.
  package static func unseenEntry(for site: String) -> SafetensorsWriter.Entry {
    .init(Tensor(name: "\(site).count", dtype: .i64, shape: [], values: [Int64(0)]))
  }

  /// What the header says of the tensors of a site of so many channels that is computed once for
  /// each prompt, in the order of `entries`.
  package static func headings(
    for site: String, channels: Int
  ) -> [SafetensorsWriter.Heading] {
    func tensor(_ suffix: String, _ dtype: DType, _ shape: [Int]) -> SafetensorsWriter.Heading {
      .init(name: "\(site).\(suffix)", dtype: dtype, shape: shape)
    }
    return [
      tensor("gram", .f64, [SiteStatistics.triangle(channels)]), tensor("sum", .f64, [channels]),
      tensor("absmax", .f32, [channels]), tensor("count", .i64, []),
      tensor("histogram", .i64, [MagnitudeHistogram.bins]),
    ]
  }

  /// Bytes of the tensors of a site of so many channels.
  package static func bytes(channels: Int, steps: Int) -> Int {
    headings(for: "", channels: channels).reduce(steps * DType.f32.bits / 8) { $0 + $1.byteCount }
  }

  /// The tensors to write for one site.
  package static func entries(for statistics: SiteStatistics) -> [SafetensorsWriter.Entry] {
    let (site, channels) = (statistics.site, statistics.channels)
    let gram = SafetensorsWriter.Entry(
      name: "\(site).gram", dtype: .f64, shape: [statistics.gram.count]
    ) { sink in try statistics.gram.withUnsafeBytes(sink) }
    func tensor(_ suffix: String, _ dtype: DType, _ shape: [Int], _ values: [some BitwiseCopyable])
      -> SafetensorsWriter.Entry
    {
      .init(Tensor(name: "\(site).\(suffix)", dtype: dtype, shape: shape, values: values))
    }
    var entries = [
      gram, tensor("sum", .f64, [channels], statistics.sum),
      tensor("absmax", .f32, [channels], statistics.absmax),
      tensor("count", .i64, [], [Int64(statistics.count)]),
    ]
    if !statistics.stepAbsmax.isEmpty {
      let steps = statistics.stepAbsmax
      entries.append(tensor("step_absmax", .f32, [steps.count], steps))
    }
    if let counts = statistics.histogram?.counts {
      entries.append(tensor("histogram", .i64, [counts.count], counts))
    }
    return entries
  }

  /// The metadata of a statistics stream.
  package static func metadata(
    part: String = ModelFolder.transformerPart, model: String, options: ModelFolder.Options,
    unused: [String], sha256: String, run: StatisticsRun, roles: LayerRoles, prompts: [Int: String]
  ) -> StreamMetadata {
    let numbered = prompts.sorted { $0.key < $1.key }.map {
      "\"\($0.key)\":\(JSON.quote($0.value))"
    }
    // Canonical: how the prompts were split over shards must not show in the bytes.
    let said = [
      ("part", part == ModelFolder.transformerPart ? nil : part), ("base", options.base),
      ("pipeline", options.pipeline), ("variant", options.variant),
    ].map { name, value in value.map { " --\(name) \($0)" } ?? "" }.joined()
    let command = "fpq-stats --model \(model)\(said)\(run.words) (\(prompts.count) prompts)"
    return StreamMetadata(
      kind: .stats, part: part, model: model, options: options, unused: unused, modelSHA256: sha256,
      history: [command],
      settings: [
        "settings": run.json, "roles": roles.json,
        "prompts": "{\(numbered.joined(separator: ","))}",
      ])
  }
}
