import Kernels
import Tensors

extension Tape {
  /// One vector of an adaptive norm or gate for each sample,
  /// y[s] = table[row] + vectors[s][columns], plus 1 for a scale.
  ///
  /// dtable[row] = the sum of dy over the samples, dvectors[s][columns] = dy[s]; the other elements
  /// of both have no part in y.
  ///
  /// - Parameters:
  ///   - table: [rows][D], learned.
  ///   - row: the row of it that is used.
  ///   - vectors: [batch][parts * D], what the timestep adds.
  ///   - part: which D columns of it are used.
  ///   - addsOne: true for a scale, which is learned as its difference from 1.
  /// - Returns: [batch][D].
  package func modulation(
    table: Variable, row: Int, vectors: Variable, part: Int, addsOne: Bool
  ) -> Variable {
    let (batch, width) = (vectors.value.rows, table.value.columns)
    let y = Matrix(rows: batch, columns: width)
    for sample in 0..<batch {
      let (own, shared) = (table.value.row(row), vectors.value.row(sample) + part * width)
      for c in 0..<width { y.row(sample)[c] = own[c] + shared[c] + (addsOne ? 1 : 0) }
    }
    let (dtable, dvectors) = (table.gradient, vectors.gradient)
    let (rows, columns) = (table.value.rows, vectors.value.columns)
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
