import CKernels
import Formats
import TestSupport

/// The definitions of the rounding kernels in Swift's own f32 arithmetic, and rows to try them on.
struct RoundingCase {
  let format: NumberFormat
  let columns: Int
  /// Columns of a group.
  let groupSize: Int
  /// Of one row.
  let groups: [GroupScales.Group]

  /// Groups of random scales: the last but one without any, the others with one for each sign where
  /// `isSplit`.
  init(_ format: String, columns: Int, groupSize: Int, isSplit: Bool, seed: Int) throws {
    self.format = try NumberFormat(format)
    (self.columns, self.groupSize) = (columns, groupSize)
    var random = Generator(seed)
    let count = (columns + groupSize - 1) / groupSize
    groups = (0..<count).map { index in
      if count > 1, index == count - 2 { return GroupScales.Group(scale: 0, negativeScale: 0) }
      let scale = Double(Float16(0.05 + abs(random.signed())))
      let other = Double(Float16(0.05 + abs(random.signed())))
      return GroupScales.Group(scale: scale, negativeScale: isSplit ? other : scale)
    }
  }

  var groupOfColumn: [Int] { (0..<columns).map { $0 / groupSize } }

  /// Calls `body` with the row's grids and the group of each column.
  func withGrids<T>(_ body: ([fpq_grid], [UInt32]) throws -> T) rethrows -> T {
    try withExtendedLifetime(format) {
      let grids = groups.map {
        fpq_grid(
          scale: Float($0.scale), negative_scale: Float($0.negativeScale),
          table: UnsafeRawPointer(format.levels().floats).assumingMemoryBound(to: fpq_levels.self))
      }
      return try body(grids, groupOfColumn.map { UInt32($0) })
    }
  }

  func value(_ level: Float, column: Int) -> Float {
    let group = groups[column / groupSize]
    return level * Float(level < 0 ? group.negativeScale : group.scale)
  }

  func level(nearest w: Float, column: Int) -> Float {
    let group = groups[column / groupSize]
    let scale = Float(w < 0 ? group.negativeScale : group.scale)
    return Float(format.levels().nearest(scale == 0 ? 0 : Double(w / scale)))
  }

  /// Error feedback on columns from `first`: what target, levels and residual become.
  ///
  /// `factor` is [columns][columns] of the block.
  func feedback(
    _ w: [Float], target: [Float], factor: [Float], first: Int = 0
  ) -> (target: [Float], levels: [Float], residual: [Float]) {
    let count = w.count
    var (target, levels, residual) = (target, w, w)
    for k in 0..<count {
      levels[k] = level(nearest: target[k], column: first + k)
      residual[k] = w[k] - value(levels[k], column: first + k)
      for j in (k + 1)..<max(count, k + 1) {
        let carried = residual[k] * factor[k * count + j]
        target[j] += carried
      }
    }
    return (target, levels, residual)
  }

  /// A sweep of coordinate descent over columns from `first`: what levels, gradient and change
  /// become.
  ///
  /// `hessian` is [columns][columns] of the block.
  func descent(
    levels: [Float], gradient: [Float], hessian: [Float], bar: Float, first: Int = 0
  ) -> (levels: [Float], gradient: [Float], change: [Float], changed: Int) {
    let count = levels.count
    var (levels, gradient, changed) = (levels, gradient, 0)
    var change = [Float](repeating: 0, count: count)
    for k in 0..<count {
      let curvature = hessian[k * count + k]
      guard curvature > 0 else { continue }
      let value = value(levels[k], column: first + k)
      let moved = level(nearest: value - gradient[k] / curvature, column: first + k)
      guard moved != levels[k] else { continue }
      let e = self.value(moved, column: first + k) - value
      let (linear, square) = (2 * e * gradient[k], e * e * curvature)
      guard linear + square < bar else { continue }
      levels[k] = moved
      change[k] = e
      changed += 1
      for j in 0..<count {
        let moved = e * hessian[k * count + j]
        gradient[j] += moved
      }
    }
    return (levels, gradient, change, changed)
  }

  /// A positive definite matrix [count][count] with a row and column of zeros.
  static func hessian(_ count: Int, seed: Int) -> [Float] {
    var random = Generator(seed)
    let rows = random.floats(count * (count + 3))
    var h = [Float](repeating: 0, count: count * count)
    for i in 0..<count {
      for j in 0..<count {
        for k in 0..<(count + 3) {
          h[i * count + j] += rows[i * (count + 3) + k] * rows[j * (count + 3) + k]
        }
      }
    }
    if count > 2 {
      for k in 0..<count { (h[count + k], h[k * count + 1]) = (0, 0) }
    }
    return h
  }
}
