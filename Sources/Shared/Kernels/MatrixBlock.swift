import Tensors

/// The memory of a matrix [rows][columns], row-major, of a type that has a dense product: `Matrix`
/// in f32, `WideMatrix` in f64.
package protocol MatrixStorage: AnyObject {
  associatedtype Element: BinaryFloatingPoint

  /// Memory for [rows][columns], not initialized to any value unless `zeroed`.
  init(rows: Int, columns: Int, zeroed: Bool)

  var rows: Int { get }
  var columns: Int { get }
  /// The first element of the first row.
  var pointer: UnsafeMutablePointer<Element> { get }

  /// C = A B, or C += A B when `adding`, on the calling thread.
  ///
  /// - Parameters:
  ///   - a: [rows][depth].
  ///   - b: [depth][columns].
  ///   - adding: whether C is added to.
  ///   - c: [rows][columns], no part of A or B.
  static func multiply(
    _ a: MatrixBlock<Self>, _ b: MatrixBlock<Self>, adding: Bool, into c: MatrixBlock<Self>)
}

/// Some rows and columns of a matrix, where they lie; what is written to the block is written to
/// the matrix.
package struct MatrixBlock<Storage: MatrixStorage> {
  package let matrix: Storage
  package let rows: Range<Int>
  package let columns: Range<Int>

  /// The first element of row `row` of the block; rows of it lie `matrix.columns` elements apart.
  package func row(_ row: Int) -> UnsafeMutablePointer<Storage.Element> {
    matrix.pointer + (rows.lowerBound + row) * matrix.columns + columns.lowerBound
  }

  /// Elements from one row to the next.
  var stride: Int { matrix.columns }

  /// Whether the block's elements are one piece of memory.
  var isContiguous: Bool { columns.count == matrix.columns || rows.count <= 1 }

  var count: Int { rows.count * columns.count }
}

extension MatrixStorage {
  /// The part of the matrix in `rows` and `columns`; all of them where nil.
  package func block(rows: Range<Int>? = nil, columns: Range<Int>? = nil) -> MatrixBlock<Self> {
    let (rows, columns) = (rows ?? 0..<self.rows, columns ?? 0..<self.columns)
    precondition(
      rows.lowerBound >= 0 && rows.upperBound <= self.rows && columns.lowerBound >= 0
        && columns.upperBound <= self.columns,
      "rows \(rows), columns \(columns) of a matrix of \(self.rows)x\(self.columns)")
    return MatrixBlock(matrix: self, rows: rows, columns: columns)
  }
}

extension Matrix: MatrixStorage {
  package static func multiply(
    _ a: MatrixBlock<Matrix>, _ b: MatrixBlock<Matrix>, adding: Bool, into c: MatrixBlock<Matrix>
  ) {
    Kernels.multiply(a, b, adding: adding, into: c)
  }
}
