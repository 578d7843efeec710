import CKernels
import Formats
import Platform
import Tensors

/// Scales, and the level of each weight [rows][columns] as a float: codes while they are being chosen.
package struct Levels {
  package internal(set) var scales: GroupScales
  package let matrix: Matrix

  /// The values level * scale, exact in f32 for F16 scales.
  func value(row: Int, column: Int) -> Float {
    matrix.row(row)[column]
      * Float(scales.scales[row * scales.groups + column / scales.groupSize])
  }

  /// V - W [rows][columns].
  func residual(from weight: Matrix) -> Matrix {
    let residual = Matrix(rows: weight.rows, columns: weight.columns)
    Parallel.chunks(of: weight.rows, size: 16) { range in
      for row in range {
        let (v, w, e) = (matrix.row(row), weight.row(row), residual.row(row))
        for group in 0..<scales.groups {
          let scale = Float(scales.scales[row * scales.groups + group])
          for k in scales.range(group) { e[k] = v[k] * scale - w[k] }
        }
      }
    }
    return residual
  }

  /// A copy that may be changed by itself.
  func copy() -> Levels {
    let copied = Matrix(rows: matrix.rows, columns: matrix.columns)
    copied.pointer.update(from: matrix.pointer, count: matrix.count)
    return Levels(scales: scales, matrix: copied)
  }

  /// Takes row `row` from `other`.
  mutating func takeRow(_ row: Int, from other: Levels) {
    matrix.row(row).update(from: other.matrix.row(row), count: matrix.columns)
    let groups = scales.groups
    for index in (row * groups)..<((row + 1) * groups) {
      scales.scales[index] = other.scales.scales[index]
      if !scales.zeros.isEmpty { scales.zeros[index] = other.scales.zeros[index] }
    }
  }

  /// How many levels differ from `other`'s.
  func differences(from other: Levels) -> Int {
    var count = 0
    for index in 0..<matrix.count where matrix.pointer[index] != other.matrix.pointer[index] {
      count += 1
    }
    return count
  }

  /// One code a byte, [rows][columns].
  package func codes() -> [UInt8] {
    var codes = [UInt8](repeating: 0, count: matrix.count)
    for row in 0..<matrix.rows {
      let v = matrix.row(row)
      for group in 0..<scales.groups {
        let zero = scales.zero(row: row, group: group)
        for k in scales.range(group) {
          codes[row * matrix.columns + k] = scales.format.code(level: Int32(v[k]), zero: zero)
        }
      }
    }
    return codes
  }

  /// The levels nearest to `weight` for these scales.
  static func nearest(_ weight: Matrix, scales: GroupScales) -> Levels {
    let matrix = Matrix(rows: weight.rows, columns: weight.columns)
    Parallel.chunks(of: weight.rows, size: 16) { range in
      for row in range {
        let (w, v) = (weight.row(row), matrix.row(row))
        for group in 0..<scales.groups {
          let scale = scales.scales[row * scales.groups + group]
          let (low, high) = scales.format.levels(zero: scales.zero(row: row, group: group))
          for k in scales.range(group) {
            v[k] =
              scale > 0
              ? Float(scales.format.level(nearest: Double(w[k]) / scale, low: low, high: high)) : 0
          }
        }
      }
    }
    return Levels(scales: scales, matrix: matrix)
  }
}

extension GroupScales {
  /// A group of `scale` and `zero` as the kernels take it.
  func grid(scale: Double, zero: UInt8) -> fpq_grid {
    let (low, high) = format.levels(zero: zero)
    return fpq_grid(
      scale: Float(scale), low: Float(low), high: Float(high), spacing: format.spacing)
  }

  /// The groups of `row`.
  func grids(row: Int) -> [fpq_grid] {
    (0..<groups).map { group in
      grid(scale: scales[row * groups + group], zero: zero(row: row, group: group))
    }
  }
}
