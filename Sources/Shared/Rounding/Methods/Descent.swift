import Formats
import Kernels
import Platform
import Tensors

/// Coordinate descent over codes and scales from error feedback's result (our method).
///
/// Along one code the objective is a parabola, so the codebook's entry nearest to its minimum is
/// exact, also beyond floor and ceiling; along one group's scale the minimum is closed form. R = (V
/// - W) H is kept up to date, in blocks of 128 columns whose changes go to the other columns as one
/// dense product. A step is taken only where it lowers the row's loss.
struct Descent {
  let weight: Matrix
  let objective: SiteObjective
  let options: DescentOptions

  private static let block = 128
  private static let rowChunk = 96

  /// Descends from the last of `starts`.
  ///
  /// - Parameter starts: at least one.
  /// - Returns: of each row the best of the starts and the rounds, its loss (v - w)' H (v - w)
  ///   [outputs], and their sum for each start, after each round, and for the result.
  func run(from starts: [Levels]) -> (levels: Levels, rowLosses: [Double], losses: [Double]) {
    var best = starts[0].copy()
    var bestRows = objective.losses(of: best.residual(from: weight))
    var losses = [bestRows.reduce(0, +)]
    func keep(_ levels: Levels, _ rows: [Double]) {
      losses.append(rows.reduce(0, +))
      for row in 0..<weight.rows where rows[row] < bestRows[row] {
        best.takeRow(row, from: levels)
        bestRows[row] = rows[row]
      }
    }
    for start in starts.dropFirst().dropLast() {
      keep(start, objective.losses(of: start.residual(from: weight)))
    }
    var current = starts[starts.count - 1].copy()
    var residual = current.residual(from: weight)
    var gradient = objective.gradient(of: residual)
    var rows = objective.losses(of: residual, gradient: gradient)
    if starts.count > 1 { keep(current, rows) }
    for _ in 0..<options.rounds {
      let before = rows.reduce(0, +)
      let changed = round(&current, gradient: gradient, rowLosses: rows)
      // From scratch, which also removes what rounding did to R.
      residual = current.residual(from: weight)
      gradient = objective.gradient(of: residual)
      rows = objective.losses(of: residual, gradient: gradient)
      keep(current, rows)
      let gain = before - rows.reduce(0, +)
      if Double(changed) < 0.002 * Double(weight.count) || gain < 0.001 * before { break }
    }
    return (best, bestRows, losses + [bestRows.reduce(0, +)])
  }

  /// Refits scales, then sweeps; returns how many codes the last sweep of each chunk of rows
  /// changed.
  private func round(_ levels: inout Levels, gradient: Matrix, rowLosses: [Double]) -> Int {
    let chunks = (weight.rows + Descent.rowChunk - 1) / Descent.rowChunk
    var changed = [Int](repeating: 0, count: chunks)
    var scales = levels.scales.all
    let fixed = levels
    changed.withUnsafeMutableBufferPointer { changed in
      scales.withUnsafeMutableBufferPointer { scales in
        nonisolated(unsafe) let (changed, scales) = (changed, scales)
        Parallel.chunks(of: weight.rows, size: Descent.rowChunk) { range in
          var rows = Chunk(
            rows: range, levels: fixed, gradient: gradient, hessian: objective.hessian)
          if options.refitsScales { rows.refitScales() }
          for _ in 0..<options.sweeps {
            let count = rows.sweep(rowLosses: rowLosses)
            changed[range.lowerBound / Descent.rowChunk] = count
            if Double(count) < 0.002 * Double(range.count * weight.columns) { break }
          }
          let first = range.lowerBound * fixed.scales.groups
          for (index, group) in rows.groups.enumerated() { scales[first + index] = group }
        }
      }
    }
    levels.scales.all = scales
    return changed.reduce(0, +)
  }

  /// Rows that one thread works on.
  private struct Chunk {
    let rows: Range<Int>
    let levels: Levels
    /// R [all rows][columns].
    let gradient: Matrix
    let hessian: Matrix
    /// [rows][groups].
    private(set) var groups: [GroupScales.Group]

    init(rows: Range<Int>, levels: Levels, gradient: Matrix, hessian: Matrix) {
      self.rows = rows
      self.levels = levels
      self.gradient = gradient
      self.hessian = hessian
      groups = rows.flatMap { row in
        (0..<levels.scales.groups).map { levels.scales[row: row, group: $0] }
      }
    }

    /// Moves each scale to the minimum given the codes, where that keeps its sign and lowers the
    /// loss.
    mutating func refitScales() {
      for number in 0..<levels.scales.groups {
        if levels.scales.layout.isTwoSided {
          refit(number, part: { max($0, 0) }, scale: \.scale)
          refit(number, part: { min($0, 0) }, scale: \.negativeScale)
        } else {
          refit(number, part: { $0 }, scale: \.scale)
        }
      }
    }

    /// Refits the scale of the levels' `part` c of a group: t = s - c R_g / c' H_gg c.
    private mutating func refit(
      _ number: Int, part: (Float) -> Float,
      scale: WritableKeyPath<GroupScales.Group, Double>
    ) {
      let columns = levels.scales.range(number)
      let first = columns.lowerBound
      let isTwoSided = levels.scales.layout.isTwoSided
      let c = Matrix(rows: rows.count, columns: columns.count)
      let curved = Matrix(rows: rows.count, columns: columns.count)
      for (index, row) in rows.enumerated() {
        let source = levels.matrix.row(row) + first
        for k in 0..<columns.count { c.row(index)[k] = part(source[k]) }
      }
      multiply(c.block(), hessian.block(rows: columns, columns: columns), into: curved.block())
      var isChanged = false
      for (index, row) in rows.enumerated() {
        let a = dot(columns.count, c.row(index), curved.row(index))
        let b = dot(columns.count, c.row(index), gradient.row(row) + first)
        let at = index * levels.scales.groups + number
        let old = groups[at][keyPath: scale]
        var step = 0.0
        if a > 0, old * (old - b / a) > 0 {
          let refitted = levels.scales.stored(old - b / a)
          let difference = refitted - old
          if 2 * difference * b + difference * difference * a < 0 {
            step = difference
            groups[at][keyPath: scale] = refitted
            if !isTwoSided { groups[at].negativeScale = refitted }
            isChanged = true
          }
        }
        for k in 0..<columns.count { c.row(index)[k] *= Float(step) }
      }
      guard isChanged else { return }
      multiply(
        c.block(), hessian.block(rows: columns), adding: true, into: gradient.block(rows: rows))
    }

    /// One pass over all codes in ascending order of the columns; returns how many changed.
    func sweep(rowLosses: [Double]) -> Int {
      let (count, block) = (hessian.columns, Descent.block)
      let change = Matrix(rows: rows.count, columns: block)
      let grids = RowGrids(
        groups, rows: rows.count, format: levels.scales.format,
        groupOfColumn: (0..<count).map { $0 / levels.scales.groupSize })
      // Gains below these are rounding error of R.
      let bars = rows.map { Float(-1e-6 * rowLosses[$0] / Double(count)) }
      var changed = 0
      for start in stride(from: 0, to: count, by: block) {
        let columns = start..<min(count, start + block)
        let changes = change.block(columns: 0..<columns.count)
        let changedHere = grids.descend(
          levels: levels.matrix.block(rows: rows, columns: columns),
          gradient: gradient.block(rows: rows, columns: columns),
          hessian: hessian.block(rows: columns, columns: columns), bars: bars, change: changes)
        changed += changedHere
        guard changedHere > 0 else { continue }
        for part in [0..<start, columns.upperBound..<count] {
          multiply(
            changes, hessian.block(rows: columns, columns: part), adding: true,
            into: gradient.block(rows: rows, columns: part))
        }
      }
      return changed
    }
  }
}
