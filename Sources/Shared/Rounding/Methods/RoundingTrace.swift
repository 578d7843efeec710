import Foundation
import Platform

/// How the losses of each unit fell while it was learned, for `fpq-round --trace`: about fifty
/// points a unit.
package final class RoundingTrace {
  package struct Point: Sendable {
    package let iteration: Int
    /// Of the weights as they are learned, in units of what nearest rounding with the same scales
    /// costs.
    package var soft: Double
    /// Of the weights as they would be hardened at that iteration, in the same units.
    package var hard: Double
    /// The mean of 1 - |2h - 1|^beta over the unit's weights: 0 when all are decided; nil while
    /// there is none.
    package var regulariser: Double?
    package var beta: Double?

    package init(iteration: Int, soft: Double, hard: Double) {
      (self.iteration, self.soft, self.hard) = (iteration, soft, hard)
    }
  }

  package typealias Listener = (Point) -> Void

  private var lines =
    ["unit", "iteration", "soft_loss", "hard_loss", "regulariser", "beta"]
    .joined(separator: "\t") + "\n"

  package init() {}

  /// Whether iteration `iteration` of `total` is shown; `total` itself is the end, after the last
  /// one.
  package static func shows(_ iteration: Int, of total: Int) -> Bool {
    iteration % max(1, total / 50) == 0 || iteration == total
  }

  /// Who writes down the points of `unit`.
  package func listener(_ unit: String) -> Listener {
    { point in
      func number(_ value: Double?, _ format: String) -> String {
        value.map { String(format: format, $0) } ?? ""
      }
      self.lines +=
        [
          unit, "\(point.iteration)", number(point.soft, "%.6g"), number(point.hard, "%.6g"),
          number(point.regulariser, "%.6g"), number(point.beta, "%.4f"),
        ].joined(separator: "\t") + "\n"
    }
  }

  /// Writes the table, tab-separated with a heading.
  package func write(to file: OutputFile) throws {
    try file.write(lines.utf8)
    try file.commit()
  }
}
