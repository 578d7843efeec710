import Tensors

/// Columns of a matrix: put side by side, and taken out.
extension Matrix {
  /// The columns of this matrix, then those of `other`, which has as many rows.
  package func concatenated(with other: Matrix) -> Matrix {
    precondition(rows == other.rows, "columns of \(rows) and of \(other.rows) rows")
    let both = Matrix(rows: rows, columns: columns + other.columns)
    RowChunks(of: both).forEach { _, rows in
      for row in rows {
        both.row(row).update(from: self.row(row), count: columns)
        (both.row(row) + columns).update(from: other.row(row), count: other.columns)
      }
    }
    return both
  }

  /// A copy of some columns.
  package func copy(columns range: Range<Int>) -> Matrix {
    let part = Matrix(rows: rows, columns: range.count)
    RowChunks(of: part).forEach { _, rows in
      for row in rows {
        part.row(row).update(from: self.row(row) + range.lowerBound, count: range.count)
      }
    }
    return part
  }

  /// Each element so many times, one after another: [rows][columns * count].
  func repeated(_ count: Int) -> Matrix {
    let wide = Matrix(rows: rows, columns: columns * count)
    for row in 0..<rows {
      for c in 0..<wide.columns { wide.row(row)[c] = self.row(row)[c / count] }
    }
    return wide
  }

  /// For each sample row `row` plus columns `part` of `vectors` [samples][parts * columns], plus 1.
  ///
  /// - Parameters:
  ///   - row: of this matrix.
  ///   - vectors: added to it; nil for nothing.
  ///   - part: which columns of `vectors`.
  ///   - addsOne: whether 1 is added.
  ///   - samples: how many rows come out.
  /// - Returns: [samples][columns].
  package func sums(
    row: Int, plus vectors: Matrix?, part: Int, addsOne: Bool, samples: Int
  ) -> Matrix {
    precondition(vectors.map { $0.rows == samples } ?? true, "vectors of other samples")
    let (sums, own) = (Matrix(rows: samples, columns: columns), self.row(row))
    for sample in 0..<samples {
      let target = sums.row(sample)
      if let vectors {
        let source = vectors.row(sample) + part * columns
        for c in 0..<columns { target[c] = own[c] + source[c] + (addsOne ? 1 : 0) }
      } else {
        for c in 0..<columns { target[c] = own[c] + (addsOne ? 1 : 0) }
      }
    }
    return sums
  }
}
