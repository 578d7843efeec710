import Formats
import Kernels
import Rounding
import Tensors

/// Rows of a rounded linear whose scales, and codes if wanted, are being tuned.
///
/// V = level * scale (1 + t) with t a variable for each group, and for each sign where the signs
/// have scales of their own. The level is fixed, or the nearest to a latent one that moves by the
/// straight-through estimator (its gradient is that of the level).
final class TunedRows {
  let rows: Range<Int>
  private let start: Levels
  /// t [rows][groups * sides].
  private let change: Matrix
  private let changeAdam: Adam
  /// Levels [rows][columns], those of the start unless codes move.
  private let levels: Matrix
  private let codes: Codes?

  /// Latent levels in units of `gap`, how far the start's level is from its neighbours on average;
  /// all [rows][columns].
  private struct Codes {
    let latent: Matrix
    let gap: Matrix
    let adam: Adam
  }

  private var sides: Int { start.scales.layout.isTwoSided ? 2 : 1 }

  init(_ start: Levels, rows: Range<Int>, tunesCodes: Bool) {
    (self.start, self.rows) = (start, rows)
    let (count, columns) = (rows.count, start.matrix.columns)
    let sides = start.scales.layout.isTwoSided ? 2 : 1
    change = Matrix(rows: count, columns: start.scales.groups * sides, zeroed: true)
    changeAdam = Adam(count: change.count)
    levels = Matrix(rows: count, columns: columns)
    levels.pointer.update(from: start.matrix.row(rows.lowerBound), count: levels.count)
    codes = tunesCodes ? TunedRows.codes(levels, start.scales, rows) : nil
  }

  private static func codes(_ levels: Matrix, _ scales: GroupScales, _ rows: Range<Int>) -> Codes {
    let gap = Matrix(rows: levels.rows, columns: levels.columns)
    let latent = Matrix(rows: levels.rows, columns: levels.columns)
    forEachGroup(scales, rows) { index, _, own, columns in
      let all = scales.format.levels(zero: own.zero).levels
      let table = scales.format.levels(zero: own.zero)
      for k in columns {
        let level = levels.row(index)[k]
        let at = table.index(nearest: Double(level))
        let (low, high) = (max(0, at - 1), min(all.count - 1, at + 1))
        let mean = Float(all[high] - all[low]) / Float(high - low)
        gap.row(index)[k] = mean
        latent.row(index)[k] = level / mean
      }
    }
    return Codes(latent: latent, gap: gap, adam: Adam(count: latent.count))
  }

  private static func forEachGroup(
    _ scales: GroupScales, _ rows: Range<Int>,
    _ body: (_ index: Int, _ number: Int, GroupScales.Group, _ columns: Range<Int>) -> Void
  ) {
    for (index, row) in rows.enumerated() {
      for number in 0..<scales.groups {
        body(index, number, scales[row: row, group: number], scales.range(number))
      }
    }
  }

  /// The group's scales as they are now; rounded to the type they are stored in, or not yet.
  private func group(
    _ index: Int, _ number: Int, _ own: GroupScales.Group, isStored: Bool
  ) -> GroupScales.Group {
    func scale(_ start: Double, _ side: Int) -> Double {
      let t = Double(change.row(index)[number * sides + side])
      let scale = start * (1 + t)
      return isStored ? self.start.scales.stored(scale) : scale
    }
    return GroupScales.Group(
      scale: scale(own.scale, 0), negativeScale: scale(own.negativeScale, sides - 1),
      zero: own.zero)
  }

  /// Writes V to `weight` [rows][columns].
  func copyWeights(to weight: UnsafeMutablePointer<Float>) {
    TunedRows.forEachGroup(start.scales, rows) { index, number, own, columns in
      let group = group(index, number, own, isStored: false)
      let (positive, negative) = (Float(group.scale), Float(group.negativeScale))
      let (level, target) = (levels.row(index), weight + index * levels.columns)
      for k in columns { target[k] = level[k] * (level[k] < 0 ? negative : positive) }
    }
  }

  /// One step of Adam on all variables, for the gradient by V [rows][columns].
  func step(_ gradient: MatrixBlock<Matrix>, scaleRate: Float, codeRate: Float) {
    let slopes = Matrix(rows: change.rows, columns: change.columns)
    TunedRows.forEachGroup(start.scales, rows) { index, number, own, columns in
      let now = group(index, number, own, isStored: false)
      let (level, g) = (levels.row(index), gradient.row(index))
      var sums = (0.0, 0.0)
      for k in columns {
        let part = Double(g[k]) * Double(level[k])
        if level[k] < 0 { sums.1 += part } else { sums.0 += part }
      }
      let slope = slopes.row(index) + number * sides
      if sides == 1 {
        slope[0] = Float((sums.0 + sums.1) * own.scale)
      } else {
        slope[0] = Float(sums.0 * own.scale)
        slope[1] = Float(sums.1 * own.negativeScale)
      }
      guard let codes else { return }
      let gap = codes.gap.row(index)
      for k in columns {
        g[k] *= Float(level[k] < 0 ? now.negativeScale : now.scale) * gap[k]
      }
    }
    changeAdam.step(change, slopes.block(), rate: scaleRate)
    guard let codes else { return }
    codes.adam.step(codes.latent, gradient, rate: codeRate)
    TunedRows.forEachGroup(start.scales, rows) { index, _, own, columns in
      let table = start.scales.format.levels(zero: own.zero)
      let (latent, gap, level) = (codes.latent.row(index), codes.gap.row(index), levels.row(index))
      for k in columns {
        // A latent beyond the last level would be long in coming back.
        let value = min(max(latent[k] * gap[k], Float(table.low)), Float(table.high))
        latent[k] = value / gap[k]
        level[k] = Float(table.nearest(Double(value)))
      }
    }
  }

  /// Writes the rows' levels and stored scales to `result`.
  func harden(into groups: inout [GroupScales.Group], _ result: Matrix) {
    result.row(rows.lowerBound).update(from: levels.pointer, count: levels.count)
    TunedRows.forEachGroup(start.scales, rows) { index, number, own, _ in
      groups[(rows.lowerBound + index) * start.scales.groups + number] = group(
        index, number, own, isStored: true)
    }
  }
}
