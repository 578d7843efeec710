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
///   - format: the format of the codes.
///   - groupSize: columns that share a scale.
///   - search: what the clip of a group minimises.
///   - method: `nearest` is judged by the whole block of the objective, since no feedback follows.
///   - objective: of the layer's site.
///   - place: names the tensor in a failure.
/// - Returns: scales in F16.
/// - Throws: `Failure` when a weight is NaN or infinite.
func chooseScales(
  of weight: Matrix, format: NumberFormat, groupSize: Int, search: ScaleSearch,
  method: RoundingMethod, objective: SiteObjective, place: String
) throws -> GroupScales {
  let absmax = try GroupScales.absmax(
    of: weight, format: format, groupSize: groupSize, place: place)
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

/// Grids of the clips of one group, without repetitions that rounding to F16 brings; none for a group of zeros.
private func candidates(
  _ scales: GroupScales, _ weight: UnsafePointer<Float>, group: Int
) -> [(scale: Double, zero: UInt8)] {
  var (low, high) = (Float(0), Float(0))
  for k in scales.range(group) {
    low = min(low, weight[k])
    high = max(high, weight[k])
  }
  guard low < 0 || high > 0 else { return [] }
  var found: [(scale: Double, zero: UInt8)] = []
  for clip in clips {
    let next = scales.parameters(low: Double(low) * clip, high: Double(high) * clip)
    if let last = found.last, last == next { continue }
    found.append(next)
  }
  return found
}

/// Scales and zero points that threads fill row by row.
private func filled(
  _ start: GroupScales, _ rows: Int,
  _ body: (Range<Int>, _ set: (_ row: Int, _ group: Int, (scale: Double, zero: UInt8)) -> Void)
    -> Void
) -> GroupScales {
  var result = start
  let groups = start.groups
  result.scales.withUnsafeMutableBufferPointer { scales in
    result.zeros.withUnsafeMutableBufferPointer { zeros in
      nonisolated(unsafe) let (scales, zeros) = (scales, zeros)
      Parallel.chunks(of: start.rows, size: rows) { range in
        body(range) { row, group, chosen in
          scales[row * groups + group] = chosen.scale
          if !zeros.isEmpty { zeros[row * groups + group] = chosen.zero }
        }
      }
    }
  }
  return result
}

/// Minimises sum importance_j e_j^2 in each group.
private func searched(
  _ start: GroupScales, _ weight: Matrix, importance: [Float]
) -> GroupScales {
  filled(start, 16) { range, set in
    importance.withUnsafeBufferPointer { importance in
      for row in range {
        for group in 0..<start.groups {
          let columns = start.range(group)
          var best = Float.infinity
          for candidate in candidates(start, weight.row(row), group: group) {
            let error = fpq_grid_error(
              columns.count, start.grid(scale: candidate.scale, zero: candidate.zero),
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
  let rows = 16
  return filled(start, rows) { range, set in
    let residual = Matrix(rows: rows * clips.count, columns: start.groupSize)
    let gradient = Matrix(rows: rows * clips.count, columns: start.groupSize)
    for group in 0..<start.groups {
      let columns = start.range(group)
      let tried = range.map { candidates(start, weight.row($0), group: group) }
      var count = 0
      for (row, candidates) in zip(range, tried) {
        for candidate in candidates {
          fpq_grid_residual(
            columns.count, start.grid(scale: candidate.scale, zero: candidate.zero),
            weight.row(row) + columns.lowerBound, residual.row(count))
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
