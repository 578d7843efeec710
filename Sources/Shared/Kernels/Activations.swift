import CKernels
import Tensors

/// Functions of single values, on all threads.
extension Matrix {
  /// GELU in its tanh form, .5 x (1 + tanh(sqrt(2/pi) (x + .044715 x^3))), of every element.
  ///
  /// - Returns: [rows][columns].
  package func gelu() -> Matrix { mapped { fpq_gelu_tanh($0, $1, $2) } }

  /// Replaces every element by its GELU, times the same element of `factor` [rows][columns] if
  /// there is one.
  package func applyGELU(times factor: Matrix? = nil) {
    precondition(factor.map { $0.hasShape(of: self) } ?? true, "a factor of another shape")
    RowChunks(of: self).forEach { _, rows in
      let (count, x) = (rows.count * columns, row(rows.lowerBound))
      fpq_gelu_tanh(count, x, x)
      if let factor { fpq_multiply(count, x, factor.row(rows.lowerBound), x) }
    }
  }

  /// Replaces every element by its GELU in the exact form, x Phi(x) with the normal distribution
  /// Phi(x) = .5 (1 + erf(x / sqrt(2))).
  package func applyExactGELU() {
    RowChunks(of: self).forEach { _, rows in
      let x = row(rows.lowerBound)
      fpq_gelu_erf(rows.count * columns, x, x)
    }
  }

  /// Replaces the gradient dy by GELU's result, which the matrix holds, by the one by its input `x`
  /// [rows][columns].
  ///
  /// With u = sqrt(2/pi) (x + .044715 x^3) and s = sigmoid(2u): dx = dy (s + 2 x s (1 - s) u').
  package func applyGELUGradient(at x: Matrix) {
    precondition(x.hasShape(of: self), "a gradient of another shape")
    RowChunks(of: self).forEach { _, rows in
      let dy = row(rows.lowerBound)
      fpq_gelu_tanh_gradient(rows.count * columns, x.row(rows.lowerBound), dy, dy)
    }
  }

  /// SiLU, x / (1 + exp(-x)), of every element.
  ///
  /// - Returns: [rows][columns].
  package func silu() -> Matrix { mapped { fpq_silu($0, $1, $2) } }

  /// Replaces every element by its SiLU.
  package func applySiLU() {
    RowChunks(of: self).forEach { _, rows in
      let x = row(rows.lowerBound)
      fpq_silu(rows.count * columns, x, x)
    }
  }

  /// What `kernel` writes for the elements, which it is given a chunk of rows at a time.
  private func mapped(
    _ kernel: (_ count: Int, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) -> Matrix {
    let y = Matrix(rows: rows, columns: columns)
    RowChunks(of: self).forEach { _, rows in
      kernel(rows.count * columns, row(rows.lowerBound), y.row(rows.lowerBound))
    }
    return y
  }

  func hasShape(of other: Matrix) -> Bool { rows == other.rows && columns == other.columns }
}
