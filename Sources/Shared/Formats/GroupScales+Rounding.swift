import Platform
import Tensors

/// From weights to levels, from levels to codes, and from codes to values; all [rows][columns].
extension GroupScales {
  /// The levels nearest to `weight`, whose values must be finite.
  ///
  /// - Parameters:
  ///   - weight: [rows][columns].
  ///   - mode: how a format rounds whose weights share a bit.
  /// - Returns: level 0 as -0 where its code keeps the weight's sign.
  package func levels(nearest weight: Matrix, mode: SharedBit.Mode = .nearest) -> Matrix {
    let levels = Matrix(rows: rows, columns: columns)
    Parallel.chunks(of: rows, size: 16) { range in
      for row in range {
        for group in 0..<groups {
          let own = self[row: row, group: group]
          let columns = self.range(group)
          let (w, v) = (weight.row(row) + columns.lowerBound, levels.row(row) + columns.lowerBound)
          guard let shared = layout.sharedBit else {
            round(columns.count, w, to: v, own, format.levels(zero: own.zero))
            continue
          }
          let tables = shared.tables(mode)
          for start in stride(from: 0, to: columns.count, by: shared.length) {
            let count = min(shared.length, columns.count - start)
            let errors = tables.map { own.error(count, w + start, $0) }
            round(count, w + start, to: v + start, own, tables[errors[1] < errors[0] ? 1 : 0])
          }
        }
      }
    }
    return levels
  }

  private func round(
    _ count: Int, _ w: UnsafePointer<Float>, to levels: UnsafeMutablePointer<Float>,
    _ group: Group, _ table: LevelTable
  ) {
    let keepsSign = keepsSignOfZero
    for k in 0..<count {
      let level = Float(group.level(nearest: Double(w[k]), table))
      levels[k] = keepsSign && level == 0 && w[k] < 0 ? -0.0 : level
    }
  }

  /// Whether a weight below zero that rounds to zero gets the code of -0.
  ///
  /// It stands for 0 all the same; what others write has it: NVFP4, and AMS-Quant's words.
  private var keepsSignOfZero: Bool {
    guard format.isSymmetric else { return false }
    return layout.sharedBit != nil || (precision != .exact && layout.scales.keepsSignOfZero)
  }

  /// One code per byte of `levels`.
  package func codes(of levels: Matrix) -> [UInt8] {
    var codes = [UInt8](repeating: 0, count: rows * columns)
    codes.withUnsafeMutableBufferPointer { buffer in
      nonisolated(unsafe) let target = buffer
      Parallel.chunks(of: rows, size: 16) { range in
        for row in range {
          let v = levels.row(row)
          for group in 0..<groups {
            let table = format.levels(zero: self[row: row, group: group].zero)
            for k in self.range(group) {
              let isNegativeZero = v[k] == 0 && v[k].sign == .minus
              target[row * columns + k] =
                isNegativeZero ? format.signBit : table.code(Int32(clamping: v[k]))
            }
          }
        }
      }
    }
    return codes
  }

  /// The codes nearest to `weight`, whose values must be finite.
  package func codes(nearest weight: Matrix, mode: SharedBit.Mode = .nearest) -> [UInt8] {
    codes(of: levels(nearest: weight, mode: mode))
  }

  /// The values level * scale [rows][columns] of `codes`.
  package func values(of codes: [UInt8]) -> Matrix {
    let matrix = Matrix(rows: rows, columns: columns)
    Parallel.chunks(of: rows, size: 16) { range in
      for row in range {
        for group in 0..<groups {
          let own = self[row: row, group: group]
          for k in self.range(group) {
            let level = format.codebook[Int(codes[row * columns + k])] - Int32(own.zero)
            matrix.row(row)[k] = Float(own.value(level))
          }
        }
      }
    }
    return matrix
  }
}

extension GroupScales.Group {
  /// The squared error of the levels of `table` nearest to the `count` weights at `w`.
  fileprivate func error(_ count: Int, _ w: UnsafePointer<Float>, _ table: LevelTable) -> Double {
    (0..<count).reduce(0) { sum, k in
      let e = value(level(nearest: Double(w[k]), table)) - Double(w[k])
      return sum + e * e
    }
  }
}
