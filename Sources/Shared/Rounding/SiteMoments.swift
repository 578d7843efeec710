import Calibration
import Tensors

/// The second moments of one input site as the objective wants them: f32, row-major.
struct SiteMoments {
  private let statistics: SiteStatistics

  /// Tokens that were summed.
  var tokens: Int { statistics.count }

  init(_ statistics: SiteStatistics) { self.statistics = statistics }

  func objective(_ options: ObjectiveOptions) throws -> SiteObjective {
    let channels = statistics.channels
    let gram = Matrix(rows: channels, columns: channels)
    for index in 0..<gram.count { gram.pointer[index] = Float(statistics.gram[index]) }
    return try SiteObjective(
      site: statistics.site, gram: gram, sum: statistics.sum.map { Float($0) },
      tokens: Double(statistics.count), options: options)
  }
}
