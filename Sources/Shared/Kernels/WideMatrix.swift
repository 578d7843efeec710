import CKernels

/// Row-major f64 [rows][columns], for the linear algebra that f32 is too short for.
///
/// A class, as `Matrix` is. Threads may write disjoint parts at once.
package final class WideMatrix: MatrixStorage, @unchecked Sendable {
  package let rows: Int
  package let columns: Int
  package let pointer: UnsafeMutablePointer<Double>

  /// Memory for [rows][columns], not initialized to any value unless `zeroed`.
  package init(rows: Int, columns: Int, zeroed: Bool = false) {
    (self.rows, self.columns) = (rows, columns)
    pointer = .allocate(capacity: max(1, rows * columns))
    if zeroed { pointer.initialize(repeating: 0, count: rows * columns) }
  }

  /// A copy of `values`, row-major.
  package convenience init(rows: Int, columns: Int, values: [Double]) {
    precondition(
      values.count == rows * columns, "a matrix of \(rows)x\(columns) wants as many values")
    self.init(rows: rows, columns: columns)
    values.withUnsafeBufferPointer { source in
      guard let base = source.baseAddress else { return }
      pointer.update(from: base, count: source.count)
    }
  }

  deinit { pointer.deallocate() }

  /// The first element of `row`.
  package func row(_ row: Int) -> UnsafeMutablePointer<Double> { pointer + row * columns }

  package var values: [Double] {
    Array(UnsafeBufferPointer(start: pointer, count: rows * columns))
  }

  package static func multiply(
    _ a: MatrixBlock<WideMatrix>, _ b: MatrixBlock<WideMatrix>, adding: Bool,
    into c: MatrixBlock<WideMatrix>
  ) {
    checkProduct(
      rows: (a.rows.count, c.rows.count), depth: (a.columns.count, b.rows.count),
      columns: (b.columns.count, c.columns.count))
    withExtendedLifetime((a, b, c)) {
      fpq_gemm_f64(
        c.rows.count, c.columns.count, a.columns.count, a.row(0), a.stride, b.row(0), b.stride,
        adding ? 1 : 0, c.row(0), c.stride)
    }
  }
}
