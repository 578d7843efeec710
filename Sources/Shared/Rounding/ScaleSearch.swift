import CKernels
import Formats
import Kernels
import Platform
import Tensors

/// The clips tried for a group, in units of its range: 25 values from 1.1 down to .5.
private let clips = (0..<25).map { 1.1 - 0.025 * Double($0) }

/// The scales of a layer by `search`; equal errors keep the larger scale.
///
/// - Parameters:
///   - weight: [rows][columns].
///   - options: format, group size and the scales' type.
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
  var precision = GroupScales.Precision.f16
  if options.scaleType == .e4m3 {
    var largest: Float = 0
    for index in 0..<weight.count { largest = max(largest, abs(weight.pointer[index])) }
    // NVFP4's rule: the largest group has the largest scale.
    let global = largest / Float(options.format.maxCode) / Float(Float8E4M3.largest)
    precision = .e4m3(global: global.isNormal ? global : .leastNormalMagnitude)
  }
  let absmax = try GroupScales.absmax(
    of: weight, format: options.format, groupSize: options.groupSize, precision: precision,
    isSplit: options.isSplit, place: place)
  switch search {
  case .absmax: return absmax
  case .mse:
    return searched(absmax, weight, importance: [Float](repeating: 1, count: weight.columns))
  case .output where method == .nearest:
    return searchedByBlock(absmax, weight, hessian: objective.hessian)
  case .output:
    return searched(absmax, weight, importance: importance(objective, groups: absmax))
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

/// What is tried for one group, `current` being what is chosen so far: the clips of its range, of either sign where the format has
/// signed scales, and for one side at a time where the sides have scales of their own; without repetitions that rounding of the scale
/// brings, and none for a group of zeros.
private func candidates(
  _ scales: GroupScales, _ weight: UnsafePointer<Float>, group: Int, side: Int,
  current: GroupScales.Group
) -> [GroupScales.Group] {
  var (low, high) = (Float(0), Float(0))
  for k in scales.range(group) {
    low = min(low, weight[k])
    high = max(high, weight[k])
  }
  guard low < 0 || high > 0 else { return [] }
  var found: [GroupScales.Group] = []
  for isTurned in scales.format.hasSignedScales ? [false, true] : [false] {
    for clip in clips {
      var next = scales.parameters(low: Double(low) * clip, high: Double(high) * clip)
      if isTurned {
        next.scale = -next.scale
        next.negativeScale = -next.negativeScale
      }
      if !scales.negativeScales.isEmpty {
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
  _ start: GroupScales, _ rows: Int,
  _ body: (
    _ rows: Range<Int>, _ side: Int,
    _ get: (_ row: Int, _ group: Int) -> GroupScales.Group,
    _ set: (_ row: Int, _ group: Int, GroupScales.Group) -> Void
  ) -> Void
) -> GroupScales {
  var result = start
  var chosen = start.all
  for side in 0..<(start.negativeScales.isEmpty ? 1 : 2) {
    chosen.withUnsafeMutableBufferPointer { chosen in
      nonisolated(unsafe) let chosen = chosen
      Parallel.chunks(of: start.rows, size: rows) { range in
        body(
          range, side, { chosen[$0 * start.groups + $1] },
          { chosen[$0 * start.groups + $1] = $2 })
      }
    }
  }
  result.all = chosen
  return result
}

/// Minimises sum importance_j e_j^2 in each group.
private func searched(
  _ start: GroupScales, _ weight: Matrix, importance: [Float]
) -> GroupScales {
  filled(start, 16) { range, side, get, set in
    importance.withUnsafeBufferPointer { importance in
      for row in range {
        for group in 0..<start.groups {
          let columns = start.range(group)
          var best = Float.infinity
          for candidate in candidates(
            start, weight.row(row), group: group, side: side, current: get(row, group))
          {
            let error = fpq_grid_error(
              columns.count, start.grid(candidate),
              weight.row(row) + columns.lowerBound, importance.baseAddress! + columns.lowerBound)
            if error < best {
              best = error
              set(row, group, candidate)
            }
          }
        }
      }
    }
  }
}

/// Minimises e' H_gg e in each group, H_gg the group's block of the objective.
private func searchedByBlock(
  _ start: GroupScales, _ weight: Matrix, hessian: Matrix
) -> GroupScales {
  filled(start, 16) { range, side, get, set in
    for group in 0..<start.groups {
      let columns = start.range(group)
      let tried = range.map {
        candidates(
          start, weight.row($0), group: group, side: side, current: get($0, group))
      }
      let total = tried.reduce(0) { $0 + $1.count }
      let residual = Matrix(rows: total, columns: columns.count)
      let gradient = Matrix(rows: total, columns: columns.count)
      var count = 0
      for (row, candidates) in zip(range, tried) {
        for candidate in candidates {
          fpq_grid_residual(
            columns.count, start.grid(candidate), weight.row(row) + columns.lowerBound,
            residual.row(count))
          count += 1
        }
      }
      multiply(
        rows: count, columns: columns.count, depth: columns.count, residual.pointer,
        residual.columns, hessian.row(columns.lowerBound) + columns.lowerBound, hessian.columns,
        add: false, gradient.pointer, gradient.columns)
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
