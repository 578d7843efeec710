import Platform

/// How often inputs of each magnitude were seen at a site, on a fixed grid: what a static scale is
/// chosen from.
///
/// Bins lie between neighbouring numbers of 8 mantissa bits, 256 to a binade, from 2^-16 to 2^16;
/// the first also counts all that is smaller, the last all that is larger. Signs are left out:
/// static formats are symmetric. Counts are integers, so that shards add up to the bytes of one
/// run.
package struct MagnitudeHistogram: Sendable, Equatable {
  package static let bins = 8192
  /// Magnitudes from here on count as less.
  package static let upperEdge = 0x1p16

  /// [bins].
  package private(set) var counts: [Int64]

  package init() { counts = Array(repeating: 0, count: MagnitudeHistogram.bins) }

  /// Counts that a file holds.
  package init(counts: [Int64]) {
    precondition(counts.count == MagnitudeHistogram.bins, "a count for every bin")
    self.counts = counts
  }

  /// Exponent and 8 bits of mantissa of the f32 2^-16, one more a bin.
  private static let first = (127 - 16) << 8

  /// The bin of a magnitude; NaN and infinity fall into the last.
  package static func bin(_ magnitude: Float) -> Int {
    let leading = Int((magnitude.bitPattern & 0x7FFF_FFFF) >> 15)
    return min(max(leading - first, 0), bins - 1)
  }

  /// Where `bin` begins; the edge of `bins` is where the last one ends.
  package static func edge(_ bin: Int) -> Double {
    bin == 0 ? 0 : Double(Float(bitPattern: UInt32(bin + first) << 15))
  }

  /// Counts the `count` values at `x`.
  package mutating func add(_ x: UnsafePointer<Float>, count: Int) {
    let (bins, chunk) = (MagnitudeHistogram.bins, 1 << 16)
    // [chunks][bins]: integers add up the same in any order.
    var parts = [Int64](repeating: 0, count: (count + chunk - 1) / chunk * bins)
    parts.withUnsafeMutableBufferPointer { buffer in
      nonisolated(unsafe) let parts = buffer
      Parallel.chunks(of: count, size: chunk) { range in
        let start = range.lowerBound / chunk * bins
        for index in range { parts[start + MagnitudeHistogram.bin(x[index])] += 1 }
      }
    }
    for index in parts.indices { counts[index % bins] += parts[index] }
  }
}
