import Kernels
import Tensors

/// A matrix in a recorded computation, and where its gradient gathers if anyone wants it.
///
/// The value is not copied: a parameter may be changed in place between two recordings.
package struct Variable {
  package let value: Matrix
  /// Nil when nothing is to be learned of this value; operations then compute no gradient for it.
  package let gradient: Gradient?

  package init(_ value: Matrix, wantsGradient: Bool = false) {
    self.value = value
    gradient = wantsGradient ? Gradient(of: value) : nil
  }
}

/// The gradient of a loss by a variable: the sum of the parts that the operations reading it hand
/// in.
package final class Gradient {
  /// Of the variable's shape; nil until the first part has come.
  package private(set) var matrix: Matrix?
  private let rows: Int
  private let columns: Int

  fileprivate init(of value: Matrix) { (rows, columns) = (value.rows, value.columns) }

  /// Adds `part`, which belongs to the gradient from then on and may be changed.
  package func add(_ part: Matrix) {
    precondition(
      part.rows == rows && part.columns == columns,
      "a gradient of \(part.rows)x\(part.columns) for a variable of \(rows)x\(columns)")
    guard let matrix else {
      self.matrix = part
      return
    }
    matrix.add(part)
  }

  /// Takes the sum away, so that the next part starts a new one.
  @discardableResult
  package func take() -> Matrix? {
    defer { matrix = nil }
    return matrix
  }
}
