import Foundation
import Platform
import Tensors

/// How often the values of a tensor fall into each of equally wide ranges.
package struct Histogram {
  package let title: String
  package let smallest: Double
  package let largest: Double
  package let counts: [Int]

  /// Counts the finite values of `name` in `path` in `bins` ranges from the smallest to the
  /// largest.
  package init(_ path: String, tensor name: String, bins: Int) throws {
    let tensor = try OpenedTensors(path).tensor(name)
    title = name
    let ends = try tensor.mapChunks { _, values in
      values.reduce((Double.infinity, -Double.infinity)) {
        $1.isFinite ? (min($0.0, $1), max($0.1, $1)) : $0
      }
    }
    let (low, high) = ends.reduce((.infinity, -.infinity)) { (min($0.0, $1.0), max($0.1, $1.1)) }
    guard low <= high else { throw Failure(tensor.place, "expected finite values, found none") }
    let bins = low == high ? 1 : bins
    let parts = try tensor.mapChunks { _, values in
      var counts = [Int](repeating: 0, count: bins)
      for value in values where value.isFinite {
        // Halves, because the range of doubles is wider than a double.
        let place = low == high ? 0 : (value / 2 - low / 2) / (high / 2 - low / 2)
        counts[min(bins - 1, Int(clamping: place * Double(bins)))] += 1
      }
      return counts
    }
    (smallest, largest) = (low, high)
    counts = parts.reduce(into: [Int](repeating: 0, count: bins)) { total, part in
      for bin in part.indices { total[bin] += part[bin] }
    }
  }

  /// Where range `bin` begins; `counts.count` gives the end of the last.
  func border(_ bin: Int) -> Double {
    let part = Double(bin) / Double(counts.count)
    return bin == counts.count ? largest : smallest * (1 - part) + largest * part
  }

  /// One row per range; bars only for people, at most `barWidth` long, as log(1 + count) when
  /// `logarithmic`.
  package func table(_ style: Table.Style, logarithmic: Bool, barWidth: Int = 50) -> Table {
    let scale = { (count: Int) in logarithmic ? log1p(Double(count)) : Double(count) }
    let full = scale(counts.max() ?? 0)
    var table = Table(["from", "to", "count"] + (style == .aligned ? ["bar"] : []))
    for (bin, count) in counts.enumerated() {
      let length = full > 0 ? Int(clamping: (scale(count) / full * Double(barWidth)).rounded()) : 0
      let bar = Table.Cell.text(String(repeating: "#", count: length))
      table.append(
        [.number(border(bin)), .number(border(bin + 1)), .integer(count)]
          + (style == .aligned ? [bar] : []))
    }
    return table
  }
}
