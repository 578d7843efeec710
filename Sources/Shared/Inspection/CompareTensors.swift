import Foundation
import Platform
import Tensors

/// `fpq-show diff`: tensor by tensor, how far one file or model is from another.
package struct CompareTensors {
  package let table: Table
  private let below: [(name: String, found: String)]
  private let count: Int

  /// Compares all tensors of `a` and `b` by name; `threshold` is the SQNR in dB that each must
  /// reach.
  package init(_ a: String, _ b: String, threshold: Double?) throws {
    let (first, second) = (try OpenedTensors(a), try OpenedTensors(b))
    let (inFirst, inSecond) = (Set(first.names), Set(second.names))
    let names = inFirst.union(inSecond).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    var table = Table(["name", "dtype", "shape", "sqnr_db", "max_abs", "note"])
    var below: [(String, String)] = []
    var total: TensorDifference?
    let progress = Progress("comparing", total: names.count, unit: "tensors")
    for name in names {
      let x = inFirst.contains(name) ? try first.tensor(name) : nil
      let y = inSecond.contains(name) ? try second.tensor(name) : nil
      let (difference, note) = try CompareTensors.difference(x, y)
      if let difference { total = (total ?? TensorDifference()).adding(difference) }
      let found = difference.map { String(format: "%.4g dB", $0.sqnr) } ?? note
      if let threshold, note != "same bytes", !((difference?.sqnr ?? -.infinity) >= threshold) {
        below.append((name, found))
      }
      table.append([
        .text(name), .text(both(x?.dtype.rawValue, y?.dtype.rawValue)),
        shapes(x?.shape, y?.shape),
        difference.map { .number($0.sqnr) } ?? .none,
        difference.map { .number($0.largest) } ?? .none, note.isEmpty ? .none : .text(note),
      ])
      progress.advance()
    }
    progress.finish()
    table.append([
      .text("(all)"), .none, .none, total.map { .number($0.sqnr) } ?? .none,
      total.map { .number($0.largest) } ?? .none, .none,
    ])
    self.table = table
    self.below = below
    count = names.count
  }

  /// - Throws: `ThresholdMissed` naming the first tensor below the threshold.
  package func check(atLeast threshold: Double?) throws {
    guard let threshold, let worst = below.first else { return }
    throw ThresholdMissed(
      worst.name,
      "expected an SQNR of \(String(format: "%g", threshold)) dB, found \(worst.found)"
        + " (\(below.count) of \(count) tensors miss it)"
    )
  }

  /// The difference, or why there is none.
  private static func difference(_ a: Tensor?, _ b: Tensor?) throws -> (TensorDifference?, String) {
    guard let a, let b else { return (nil, a == nil ? "only in the second" : "only in the first") }
    guard a.shape == b.shape else { return (nil, "shapes differ") }
    guard a.holdsNumbers && b.holdsNumbers else {
      let same = a.dtype == b.dtype && a.bytes.elementsEqual(b.bytes)
      return (nil, same ? "same bytes" : "bytes differ")
    }
    return (try TensorDifference(a, b), "")
  }
}

/// One value for both sides, or `first/second` when they differ.
private func both(_ first: String?, _ second: String?) -> String {
  guard let first, let second, first != second else { return first ?? second ?? "" }
  return "\(first)/\(second)"
}

private func shapes(_ first: [Int]?, _ second: [Int]?) -> Table.Cell {
  guard let first, let second, first != second else { return .sizes(first ?? second ?? []) }
  return .text("\(first)/\(second)")
}
