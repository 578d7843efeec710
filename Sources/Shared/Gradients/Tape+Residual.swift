import CKernels
import Kernels
import Tensors

extension Tape {
  /// y = x + gate * branch, the gate the same for all tokens of a sample.
  ///
  /// dx = dy, dbranch = gate * dy, dgate = the sum of dy * branch over the rows of the sample.
  ///
  /// - Parameters:
  ///   - x: [batch * tokens][D].
  ///   - branch: [batch * tokens][D].
  ///   - gate: [batch][D], or nil for 1.
  /// - Returns: [batch * tokens][D].
  package func residual(_ x: Variable, _ branch: Variable, gate: Variable?) -> Variable {
    let (width, batch) = (x.value.columns, gate?.value.rows ?? 1)
    let (input, part) = (x.value, branch.value)
    let y = Matrix(rows: input.rows, columns: width)
    RowChunks(of: y, batch: batch).forEach { sample, rows in
      let first = rows.lowerBound
      y.row(first).update(from: input.row(first), count: rows.count * width)
      fpq_add_residual(
        rows.count, width, gate.map { UnsafePointer($0.value.row(sample)) }, part.row(first),
        y.row(first))
    }
    let (dx, dbranch, dgate) = (x.gradient, branch.gradient, gate?.gradient)
    let factor = dbranch == nil ? nil : gate?.value
    let kept = dgate == nil ? nil : part
    return record(y, from: [dx, dbranch, dgate]) { dy in
      if let dbranch { dbranch.add(scaled(dy, by: factor, batch: batch)) }
      if let dgate, let kept { dgate.add(columnSums(of: dy, times: kept, batch: batch)) }
      dx?.add(dy)
    }
  }
}

/// A copy of x [batch * tokens][D] times `gate` [batch][D]; without one, a copy.
private func scaled(_ x: Matrix, by gate: Matrix?, batch: Int) -> Matrix {
  let y = Matrix(rows: x.rows, columns: x.columns)
  RowChunks(of: x, batch: batch).forEach { sample, rows in
    let first = rows.lowerBound
    if let gate {
      fpq_scale_shift(
        rows.count, x.columns, gate.row(sample), nil, x.row(first), y.row(first))
    } else {
      y.row(first).update(from: x.row(first), count: rows.count * x.columns)
    }
  }
  return y
}
