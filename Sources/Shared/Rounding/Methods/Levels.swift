import Formats
import Kernels
import Platform
import Tensors

/// Scales, and the level of each weight [rows][columns] as a float: codes while they are being
/// chosen.
package struct Levels {
  package internal(set) var scales: GroupScales
  package let matrix: Matrix

  package init(scales: GroupScales, matrix: Matrix) {
    (self.scales, self.matrix) = (scales, matrix)
  }

  /// Writes the values level * scale of `rows`, exact in f32 for F16 scales, to `values`
  /// [rows.count][columns].
  package func copyValues(_ rows: Range<Int>, to values: UnsafeMutablePointer<Float>) {
    for (index, row) in rows.enumerated() {
      let (v, target) = (matrix.row(row), values + index * matrix.columns)
      for group in 0..<scales.groups {
        let own = scales[row: row, group: group]
        let (scale, negative) = (Float(own.scale), Float(own.negativeScale))
        for k in scales.range(group) { target[k] = v[k] * (v[k] < 0 ? negative : scale) }
      }
    }
  }

  /// V [rows][columns].
  package func values() -> Matrix {
    let values = Matrix(rows: matrix.rows, columns: matrix.columns)
    Parallel.chunks(of: matrix.rows, size: 16) { range in
      copyValues(range, to: values.row(range.lowerBound))
    }
    return values
  }

  /// V - W [rows][columns].
  package func residual(from weight: Matrix) -> Matrix { difference(values(), weight) }

  /// A copy that may be changed by itself.
  package func copy() -> Levels {
    let copied = Matrix(rows: matrix.rows, columns: matrix.columns)
    copied.pointer.update(from: matrix.pointer, count: matrix.count)
    return Levels(scales: scales, matrix: copied)
  }

  /// Takes row `row` from `other`.
  mutating func takeRow(_ row: Int, from other: Levels) {
    matrix.row(row).update(from: other.matrix.row(row), count: matrix.columns)
    for group in 0..<scales.groups {
      scales[row: row, group: group] = other.scales[row: row, group: group]
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

  /// Share of levels that are 0.
  var sparsity: Double {
    var zeros = 0
    for index in 0..<matrix.count where matrix.pointer[index] == 0 { zeros += 1 }
    return matrix.count > 0 ? Double(zeros) / Double(matrix.count) : 0
  }

  /// One code per byte, [rows][columns].
  package func codes() -> [UInt8] { scales.codes(of: matrix) }

  /// The levels nearest to `weight` for these scales.
  package static func nearest(
    _ weight: Matrix, scales: GroupScales, mode: SharedBit.Mode = .nearest
  ) -> Levels {
    Levels(scales: scales, matrix: scales.levels(nearest: weight, mode: mode))
  }
}

extension GroupScales {
  /// The values of `group`; those of `table`'s levels instead of all, at most 64.
  func grid(_ group: Group, _ table: LevelTable? = nil) -> GroupGrid {
    GroupGrid(group, table ?? format.levels(zero: group.zero))
  }
}
