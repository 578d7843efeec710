import Formats
import Tensors

/// The mean squared error of rounding values to a symmetric format, for any scale at the cost of
/// its levels.
///
/// Within a cell of the format, between the thresholds around a level v, sum (|x| - v)^2 = M2 - 2 v
/// M1 + v^2 M0, with moments M that are differences of sums over all magnitudes below a threshold.
package struct MagnitudeMoments {
  /// Sums of 1, |x| and x^2.
  struct Sums {
    var zeroth = 0.0
    var first = 0.0
    var second = 0.0
  }

  /// Over all values.
  private let all: Sums
  /// Over the values of a magnitude below the given one.
  private let below: (Double) -> Sums

  /// Of `values`, exactly; they must be finite.
  package init(of values: Matrix) {
    let sorted = values.values.map(abs).sorted()
    // [values + 1].
    var (first, second) = ([0.0], [0.0])
    for x in sorted {
      first.append(first[first.count - 1] + Double(x))
      second.append(second[second.count - 1] + Double(x) * Double(x))
    }
    all = Sums(
      zeroth: Double(sorted.count), first: first[sorted.count], second: second[sorted.count])
    below = { [first, second] magnitude in
      var (low, high) = (0, sorted.count)
      while low < high {
        let middle = (low + high) / 2
        if Double(sorted[middle]) < magnitude { low = middle + 1 } else { high = middle }
      }
      return Sums(zeroth: Double(low), first: first[low], second: second[low])
    }
  }

  /// Of the values that `histogram` counted, taken as evenly spread within their bins.
  ///
  /// How far the error may be off: rounding to the nearest of a set of levels costs each value its
  /// distance to the set, which changes by no more than the value does. So, whatever the values do
  /// within their bins, the root of the mean squared error is within the root mean square of the
  /// bins' widths, 2^-8 of that of the values. That is the worst case; usually errors of
  /// neighbouring bins have other signs, as a bin is at most a quarter of the finest step of a
  /// format (`e2m5`: 2^-6 of the value).
  package init(_ histogram: MagnitudeHistogram) {
    let counts = histogram.counts
    /// The part from `a` to `b` of the values of `bin`.
    func add(_ bin: Int, from a: Double, to b: Double, to sum: inout Sums) {
      let width = MagnitudeHistogram.edge(bin + 1) - MagnitudeHistogram.edge(bin)
      let density = Double(counts[bin]) / width
      sum.zeroth += density * (b - a)
      sum.first += density * (b * b - a * a) / 2
      sum.second += density * (b * b * b - a * a * a) / 3
    }
    var sum = Sums()
    // Below each edge, [bins + 1].
    var edges = [sum]
    for bin in counts.indices {
      add(
        bin, from: MagnitudeHistogram.edge(bin), to: MagnitudeHistogram.edge(bin + 1), to: &sum)
      edges.append(sum)
    }
    all = sum
    below = { [edges] magnitude in
      guard magnitude < MagnitudeHistogram.upperEdge else { return edges[counts.count] }
      var bin = MagnitudeHistogram.bin(Float(magnitude))
      // The f32 may have been rounded up into the next bin.
      if MagnitudeHistogram.edge(bin) > magnitude { bin -= 1 }
      var sum = edges[bin]
      add(bin, from: MagnitudeHistogram.edge(bin), to: magnitude, to: &sum)
      return sum
    }
  }

  package var meanSquare: Double { all.zeroth > 0 ? all.second / all.zeroth : 0 }

  /// The mean of (x - q(x))^2 with q(x) the nearest of the levels of `format` times `scale` > 0.
  package func error(_ format: NumberFormat, scale: Double) -> Double {
    guard all.zeroth > 0 else { return 0 }
    let levels = format.levels().levels.filter { $0 >= 0 }.map { Double($0) * scale }
    var (total, before) = (0.0, Sums())
    for (index, level) in levels.enumerated() {
      let isLast = index + 1 == levels.count
      let after = isLast ? all : below((level + levels[index + 1]) / 2)
      total += after.second - before.second - 2 * level * (after.first - before.first)
      total += level * level * (after.zeroth - before.zeroth)
      before = after
    }
    return max(0, total / all.zeroth)
  }
}
