/// Row-major f32 [rows][columns] at a fixed, 64-byte aligned address, for the kernels.
///
/// A class, because model graphs pass these between layers and reuse them. Threads may write
/// disjoint parts at once.
package final class Matrix: @unchecked Sendable {
  package let rows: Int
  package let columns: Int
  package let pointer: UnsafeMutablePointer<Float>
  /// Whose memory it is; nil: its own.
  private let owner: Matrix?

  /// Memory for [rows][columns], not initialized to any value unless `zeroed`.
  package init(rows: Int, columns: Int, zeroed: Bool = false) {
    self.rows = rows
    self.columns = columns
    owner = nil
    pointer = MatrixMemory.allocate(Matrix.bytes(rows, columns))
      .bindMemory(to: Float.self, capacity: max(1, rows * columns))
    if zeroed { pointer.initialize(repeating: 0, count: rows * columns) }
  }

  /// A copy of `values`, row-major.
  package convenience init(rows: Int, columns: Int, values: [Float]) {
    precondition(
      values.count == rows * columns, "a matrix of \(rows)x\(columns) wants as many values")
    self.init(rows: rows, columns: columns)
    values.withUnsafeBufferPointer { source in
      guard let base = source.baseAddress else { return }
      pointer.update(from: base, count: source.count)
    }
  }

  /// The memory of `owner`, read with so many columns.
  private init(_ owner: Matrix, columns: Int) {
    precondition(
      columns > 0 && owner.count % columns == 0,
      "\(columns) columns of a matrix of \(owner.rows)x\(owner.columns)")
    rows = owner.count / columns
    self.columns = columns
    self.owner = owner
    pointer = owner.pointer
  }

  deinit {
    if owner == nil { MatrixMemory.deallocate(pointer, bytes: Matrix.bytes(rows, columns)) }
  }

  /// The same elements in the same memory, [count / columns][columns]: a row's heads as rows of
  /// their own, or back.
  package func reshaped(columns: Int) -> Matrix {
    columns == self.columns ? self : Matrix(self, columns: columns)
  }

  private static func bytes(_ rows: Int, _ columns: Int) -> Int {
    max(1, rows * columns) * MemoryLayout<Float>.stride
  }

  package var count: Int { rows * columns }

  /// The first element of `row`.
  package func row(_ row: Int) -> UnsafeMutablePointer<Float> { pointer + row * columns }

  package var values: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }
}
