import Kernels
import Tensors

extension Tape {
  /// One vector of an adaptive norm or gate for each sample,
  /// y[s] = table[row] + vectors[s][columns], plus 1 for a scale; or table[row] alone.
  ///
  /// dtable[row] = the sum of dy over the samples, dvectors[s][columns] = dy[s]; the other elements
  /// of both have no part in y.
  ///
  /// - Parameters:
  ///   - table: [rows][D], learned.
  ///   - row: the row of it that is used.
  ///   - vectors: [batch][parts * D], what the timestep adds; nil for nothing.
  ///   - part: which D columns of it are used.
  ///   - addsOne: true for a scale that is learned as its difference from 1.
  ///   - batch: samples.
  /// - Returns: [batch][D].
  package func modulation(
    table: Variable, row: Int, vectors: Variable?, part: Int, addsOne: Bool, batch: Int
  ) -> Variable {
    let y = table.value.sums(
      row: row, plus: vectors?.value, part: part, addsOne: addsOne, samples: batch)
    let (dtable, dvectors) = (table.gradient, vectors?.gradient)
    let (rows, width, columns) = (table.value.rows, y.columns, vectors?.value.columns ?? 0)
    return record(y, from: [dtable, dvectors]) { dy in
      if let dtable {
        let (parts, sums) = (Matrix(rows: rows, columns: width, zeroed: true), columnSums(of: dy))
        withExtendedLifetime(sums) { parts.row(row).update(from: sums.pointer, count: width) }
        dtable.add(parts)
      }
      if let dvectors {
        let parts = Matrix(rows: batch, columns: columns, zeroed: true)
        for sample in 0..<batch {
          (parts.row(sample) + part * width).update(from: dy.row(sample), count: width)
        }
        dvectors.add(parts)
      }
    }
  }
}
