import Formats
import Kernels
import Platform
import Tensors

extension ScaleSearch {
  /// The clips tried for a group, in units of its range.
  fileprivate var clips: [Double] {
    switch self {
    case .absmax: [1]
    case .mse, .output: (0..<25).map { 1.1 - 0.025 * Double($0) }
    // The largest weight on 6, or on 4, below which e2m1 is denser.
    case .fourOverSix: [1, 1.5]
    }
  }

  /// What the largest scale beside a global one is before clips: 1.5 times as much must
  /// fit as well.
  fileprivate func topScale(_ type: ScaleStorage) -> Double {
    self == .fourOverSix ? 256 : type.largest
  }
}

/// The scales of a layer by `search`; of equal errors the first clip's.
///
/// - Parameters:
///   - weight: [rows][columns].
///   - options: how the weight is stored.
///   - search: what the clip of a group minimises.
///   - method: `nearest` is judged by the whole block of the objective, since no feedback follows.
///   - objective: of the layer's site.
///   - place: names the tensor in a failure.
/// - Returns: scales of every group, in the type they are stored in.
/// - Throws: `Failure` when a weight is NaN or infinite.
func chooseScales(
  of weight: Matrix, options: RoundingOptions, search: ScaleSearch, method: RoundingMethod,
  objective: SiteObjective, place: String
) throws -> GroupScales {
  func absmax(_ precision: GroupScales.Precision) throws -> GroupScales {
    try GroupScales.absmax(of: weight, options.layout, precision: precision, place: place)
  }
  let type = options.layout.scales
  var start = try absmax(
    type.isBesideGlobal
      ? .stored(absmax(.exact), top: search.topScale(type)) : .stored(global: 1))
  if !type.isBesideGlobal, start.areHeldBadly {
    start = try absmax(.stored(shifting: absmax(.exact)))
  }
  let trial = GroupTrial(
    start: start, weight: weight, clips: search.clips, mode: options.sharedBitMode)
  switch search {
  case .absmax: return start
  case .mse, .fourOverSix:
    return trial.least(importance: [Float](repeating: 1, count: weight.columns))
  case .output where method == .nearest && !objective.isUnseen:
    return trial.least(hessian: objective.hessian)
  case .output:
    return trial.least(importance: importance(objective, groups: start))
  }
}

/// C's diagonal as f32; 1 in groups of channels that were never seen.
private func importance(_ objective: SiteObjective, groups: GroupScales) -> [Float] {
  var importance = objective.diagonal.map { Float($0) }
  for group in 0..<groups.groups where importance[groups.range(group)].allSatisfy({ $0 == 0 }) {
    for k in groups.range(group) { importance[k] = 1 }
  }
  return importance
}

/// Tries clips on every group of a weight and keeps the best.
private struct GroupTrial {
  let start: GroupScales
  /// [rows][columns].
  let weight: Matrix
  let clips: [Double]
  let mode: SharedBit.Mode

  /// What is tried for one group, `current` being what is chosen so far: the clips of its range, of
  /// either sign where the scales may be negative, and for one side at a time where the sides have
  /// scales of their own; without repetitions that rounding of the scale brings, and none for a
  /// group of zeros.
  private func candidates(
    row: Int, group: Int, side: Int, current: GroupScales.Group
  ) -> [GroupScales.Group] {
    let w = weight.row(row)
    var (low, high) = (Float(0), Float(0))
    for k in start.range(group) {
      low = min(low, w[k])
      high = max(high, w[k])
    }
    guard low < 0 || high > 0 else { return [] }
    var found: [GroupScales.Group] = []
    for isTurned in start.layout.sides == .turnable ? [false, true] : [false] {
      for clip in clips {
        var next = start.parameters(low: Double(low) * clip, high: Double(high) * clip)
        if isTurned {
          next.scale = -next.scale
          next.negativeScale = -next.negativeScale
        }
        if start.layout.isTwoSided {
          if side == 0 {
            next.negativeScale = current.negativeScale
          } else {
            next.scale = current.scale
          }
        }
        if let last = found.last, last == next { continue }
        found.append(next)
      }
    }
    return found
  }

  /// Scales that threads choose row by row, once for each side that has scales of its own.
  private func filled(
    _ body: (
      _ rows: Range<Int>, _ side: Int,
      _ get: (_ row: Int, _ group: Int) -> GroupScales.Group,
      _ set: (_ row: Int, _ group: Int, GroupScales.Group) -> Void
    ) -> Void
  ) -> GroupScales {
    var result = start
    var chosen = start.all
    for side in 0..<(start.layout.isTwoSided ? 2 : 1) {
      chosen.withUnsafeMutableBufferPointer { chosen in
        nonisolated(unsafe) let chosen = chosen
        Parallel.chunks(of: start.rows, size: 16) { range in
          body(
            range, side, { chosen[$0 * start.groups + $1] },
            { chosen[$0 * start.groups + $1] = $2 })
        }
      }
    }
    result.all = chosen
    return result
  }

  /// Writes V - W of one group's `columns`, rounded to nearest with `candidate`, to row `place` of
  /// `result`.
  private func residual(
    _ candidate: GroupScales.Group, row: Int, columns: Range<Int>, into result: Matrix,
    row place: Int
  ) {
    guard let shared = start.layout.sharedBit else {
      return start.grid(candidate).residual(
        of: weight, row: row, columns: columns, into: result, row: place)
    }
    let tables = shared.tables(mode)
    let other = Matrix(rows: 1, columns: columns.count)
    start.grid(candidate, tables[0]).residual(
      of: weight, row: row, columns: columns, into: result, row: place)
    start.grid(candidate, tables[1]).residual(
      of: weight, row: row, columns: columns, into: other, row: 0)
    let residual = result.row(place)
    for first in stride(from: 0, to: columns.count, by: shared.length) {
      let run = first..<min(first + shared.length, columns.count)
      func square(_ e: UnsafePointer<Float>) -> Float { run.reduce(0) { $0 + e[$1] * e[$1] } }
      if square(other.pointer) < square(residual) {
        for k in run { residual[k] = other.pointer[k] }
      }
    }
  }

  /// Minimises sum importance_j e_j^2 in each group.
  func least(importance: [Float]) -> GroupScales {
    filled { range, side, get, set in
      for row in range {
        for group in 0..<start.groups {
          let columns = start.range(group)
          var best = Float.infinity
          for candidate in candidates(
            row: row, group: group, side: side, current: get(row, group))
          {
            let error = error(candidate, row: row, columns: columns, importance: importance)
            if error < best {
              best = error
              set(row, group, candidate)
            }
          }
        }
      }
    }
  }

  private func error(
    _ candidate: GroupScales.Group, row: Int, columns: Range<Int>, importance: [Float]
  ) -> Float {
    guard start.layout.sharedBit != nil else {
      return start.grid(candidate).error(
        of: weight, row: row, columns: columns, importance: importance)
    }
    let e = Matrix(rows: 1, columns: columns.count)
    residual(candidate, row: row, columns: columns, into: e, row: 0)
    return (0..<columns.count).reduce(0) {
      $0 + importance[columns.lowerBound + $1] * (e.pointer[$1] * e.pointer[$1])
    }
  }

  /// Minimises e' H_gg e in each group, H_gg the group's block of the objective.
  func least(hessian: Matrix) -> GroupScales {
    filled { range, side, get, set in
      for group in 0..<start.groups {
        let columns = start.range(group)
        let tried = range.map {
          candidates(row: $0, group: group, side: side, current: get($0, group))
        }
        let total = tried.reduce(0) { $0 + $1.count }
        let residual = Matrix(rows: total, columns: columns.count)
        let gradient = Matrix(rows: total, columns: columns.count)
        var count = 0
        for (row, candidates) in zip(range, tried) {
          for candidate in candidates {
            self.residual(candidate, row: row, columns: columns, into: residual, row: count)
            count += 1
          }
        }
        multiply(
          residual.block(), hessian.block(rows: columns, columns: columns),
          into: gradient.block())
        count = 0
        for (row, candidates) in zip(range, tried) {
          var best = Double.infinity
          for candidate in candidates {
            let error = dot(columns.count, residual.row(count), gradient.row(count))
            if error < best {
              best = error
              set(row, group, candidate)
            }
            count += 1
          }
        }
      }
    }
  }
}
