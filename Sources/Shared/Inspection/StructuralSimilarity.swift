import Foundation
import Platform

/// SSIM of two channels of 8 bits.
///
/// Wang, Bovik, Sheikh, Simoncelli, IEEE Transactions on Image Processing 13(4), 2004, equation 13.
/// Gaussian window 11x11 with sigma 1.5, K1 = 0.01, K2 = 0.03, range 255, mean over the positions
/// where the whole window fits: what `skimage.metrics.structural_similarity` computes with
/// `gaussian_weights=True, use_sample_covariance=False`.
enum StructuralSimilarity {
  static let window = 11

  private static let weights: [Double] = {
    let raw = (-5...5).map { exp(-Double($0 * $0) / (2 * 1.5 * 1.5)) }
    return raw.map { $0 / raw.reduce(0, +) }
  }()

  /// Rows of positions that one task works on; fixed, so that the sum does not depend on threads.
  private static let rows = 16

  static func mean(_ a: Plane, _ b: Plane) -> Double {
    let height = a.height - window + 1
    let count = (height + rows - 1) / rows
    var sums = [Double](repeating: 0, count: count)
    sums.withUnsafeMutableBufferPointer { sums in
      nonisolated(unsafe) let sums = sums
      Parallel.forEach(count) { task in
        var sum = 0.0
        for y in (task * rows)..<min(height, (task + 1) * rows) { sum += rowSum(a, b, y) }
        sums[task] = sum
      }
    }
    return sums.reduce(0, +) / Double(height * (a.width - window + 1))
  }

  /// The sum of SSIM over the windows whose first row is `y`.
  private static func rowSum(_ a: Plane, _ b: Plane, _ y: Int) -> Double {
    let width = a.width
    // Weighted down the columns: a, b, a^2, b^2, ab, each [width]; then across, position by
    // position.
    var columns = [[Double]](repeating: [Double](repeating: 0, count: width), count: 5)
    for (row, weight) in weights.enumerated() {
      let start = (y + row) * width
      for x in 0..<width {
        let (p, q) = (a.values[start + x], b.values[start + x])
        columns[0][x] += weight * p
        columns[1][x] += weight * q
        columns[2][x] += weight * p * p
        columns[3][x] += weight * q * q
        columns[4][x] += weight * p * q
      }
    }
    let (c1, c2) = (0.01 * 255 * (0.01 * 255), 0.03 * 255 * (0.03 * 255))
    var sum = 0.0
    for x in 0...(width - window) {
      var moments = SIMD8<Double>.zero
      for (offset, weight) in weights.enumerated() {
        for index in 0..<5 { moments[index] += weight * columns[index][x + offset] }
      }
      let (ma, mb) = (moments[0], moments[1])
      let (va, vb, ab) = (moments[2] - ma * ma, moments[3] - mb * mb, moments[4] - ma * mb)
      sum +=
        (2 * ma * mb + c1) * (2 * ab + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2))
    }
    return sum
  }
}
