import CKernels
import Tensors

/// Sums and gates, on all threads. Rows are the tokens of each sample, one sample's after
/// another's.
extension Matrix {
  /// x += gate * branch.
  ///
  /// - Parameters:
  ///   - branch: [rows][columns].
  ///   - gate: [samples][columns], the same for all rows of a sample; nil for 1.
  package func add(_ branch: Matrix, gate: Matrix? = nil) {
    precondition(branch.hasShape(of: self), "a branch of another shape")
    forEachSample(gate) { gate, rows in
      let first = rows.lowerBound
      fpq_add_residual(rows.count, columns, gate, branch.row(first), row(first))
    }
  }

  /// x + gate * branch; the parameters are those of `add`.
  ///
  /// - Returns: [rows][columns].
  package func adding(_ branch: Matrix, gate: Matrix? = nil) -> Matrix {
    precondition(branch.hasShape(of: self), "a branch of another shape")
    let sum = Matrix(rows: rows, columns: columns)
    forEachSample(gate) { gate, rows in
      let first = rows.lowerBound
      sum.row(first).update(from: row(first), count: rows.count * columns)
      fpq_add_residual(rows.count, columns, gate, branch.row(first), sum.row(first))
    }
    return sum
  }

  /// Adds `part` [tokens][columns] to the rows of each sample, of which the matrix holds a whole
  /// number.
  package func add(toEachSample part: Matrix) {
    precondition(
      part.rows > 0 && part.columns == columns && rows % part.rows == 0,
      "samples of \(part.rows)x\(part.columns) in \(rows)x\(columns)")
    RowChunks(of: self, batch: rows / part.rows).forEach { sample, rows in
      let first = rows.lowerBound
      fpq_add_residual(
        rows.count, columns, nil, part.row(first - sample * part.rows), row(first))
    }
  }

  /// gate * x, the gate [samples][columns] the same for all rows of a sample.
  ///
  /// - Returns: [rows][columns].
  package func scaled(by gate: Matrix) -> Matrix {
    let y = Matrix(rows: rows, columns: columns)
    RowChunks(of: self, batch: samples(of: gate)).forEach { sample, rows in
      let first = rows.lowerBound
      fpq_scale_shift(rows.count, columns, gate.row(sample), nil, row(first), y.row(first))
    }
    return y
  }

  /// The same elements in memory of their own.
  package func copy() -> Matrix {
    let y = Matrix(rows: rows, columns: columns)
    RowChunks(of: self).forEach { _, rows in
      y.row(rows.lowerBound).update(from: row(rows.lowerBound), count: rows.count * columns)
    }
    return y
  }

  /// How many samples `vectors` [samples][columns] has a row for, each of a whole number of the
  /// matrix's rows.
  private func samples(of vectors: Matrix) -> Int {
    precondition(
      vectors.rows > 0 && vectors.columns == columns && rows % vectors.rows == 0,
      "vectors \(vectors.rows)x\(vectors.columns) for \(rows)x\(columns)")
    return vectors.rows
  }

  /// Calls `body` with all rows in chunks of one sample's, and that sample's row of `gate`.
  private func forEachSample(
    _ gate: Matrix?, _ body: (_ gate: UnsafePointer<Float>?, _ rows: Range<Int>) -> Void
  ) {
    RowChunks(of: self, batch: gate.map { samples(of: $0) } ?? 1).forEach { sample, rows in
      body(gate.map { UnsafePointer($0.row(sample)) }, rows)
    }
  }
}
