import CKernels
import Tensors

/// Sums over the rows of each sample, in f64: within chunks of rows first, then over the chunks in
/// order.
///
/// - Parameters:
///   - quantities: how many things are summed at once.
///   - x: [batch * tokens][columns], whose chunks are summed over.
///   - batch: samples.
///   - add: adds what belongs to some rows of one sample to sums [quantities][columns], which start
///     at 0.
/// - Returns: [batch][columns] for each quantity.
func columnSums(
  _ quantities: Int, of x: Matrix, batch: Int,
  _ add: (_ sample: Int, _ rows: Range<Int>, _ sums: UnsafeMutablePointer<Double>) -> Void
) -> [Matrix] {
  let chunks = RowChunks(of: x, batch: batch)
  let (columns, width) = (x.columns, quantities * x.columns)
  let results = (0..<quantities).map { _ in Matrix(rows: batch, columns: columns) }
  var partial = [Double](repeating: 0, count: batch * chunks.perSample * width)
  partial.withUnsafeMutableBufferPointer { buffer in
    guard let base = buffer.baseAddress else { return }
    nonisolated(unsafe) let sums = base
    chunks.forEachNumbered { index, sample, rows in add(sample, rows, sums + index * width) }
    for sample in 0..<batch {
      let first = sums + sample * chunks.perSample * width
      for index in 1..<max(1, chunks.perSample) {
        for place in 0..<width { first[place] += first[index * width + place] }
      }
      for (quantity, result) in results.enumerated() {
        let target = result.row(sample)
        for c in 0..<columns { target[c] = Float(first[quantity * columns + c]) }
      }
    }
  }
  return results
}

/// The sums over the rows of each sample of a [batch * tokens][columns], or of its products with
/// `b` of the same shape.
///
/// - Returns: [batch][columns].
package func columnSums(of a: Matrix, times b: Matrix? = nil, batch: Int = 1) -> Matrix {
  columnSums(1, of: a, batch: batch) { _, rows, sums in
    let first = rows.lowerBound
    fpq_column_dots(
      rows.count, a.columns, a.row(first), b.map { UnsafePointer($0.row(first)) }, sums)
  }[0]
}
