import Kernels
import Platform
import Tensors

/// X [rows][K] times a symmetric H [K][K], on tiles of 192 columns that depend on the shape alone.
func product(_ x: Matrix, symmetric h: Matrix) -> Matrix {
  let y = Matrix(rows: x.rows, columns: h.columns)
  guard x.rows > 0 else { return y }
  Parallel.chunks(of: h.columns, size: 192) { range in
    // Columns of a symmetric matrix are its rows, which lie in one piece.
    multiply(
      transposeB: true, x.block(), h.block(rows: range), into: y.block(columns: range))
  }
  return y
}

/// A - B of equal shapes.
package func difference(_ a: Matrix, _ b: Matrix) -> Matrix {
  precondition(a.rows == b.rows && a.columns == b.columns, "matrices of one shape")
  let c = Matrix(rows: a.rows, columns: a.columns)
  Parallel.chunks(of: a.count, size: 1 << 16) { range in
    for i in range { c.pointer[i] = a.pointer[i] - b.pointer[i] }
  }
  return c
}

/// A + B of equal shapes.
package func sum(_ a: Matrix, _ b: Matrix) -> Matrix {
  precondition(a.rows == b.rows && a.columns == b.columns, "matrices of one shape")
  let c = Matrix(rows: a.rows, columns: a.columns)
  for i in 0..<c.count { c.pointer[i] = a.pointer[i] + b.pointer[i] }
  return c
}

/// The dot product of every row of `a` with the same row of `b`, in f64.
func rowDots(_ a: Matrix, _ b: Matrix) -> [Double] {
  var dots = [Double](repeating: 0, count: a.rows)
  dots.withUnsafeMutableBufferPointer { buffer in
    nonisolated(unsafe) let target = buffer
    Parallel.chunks(of: a.rows, size: 16) { range in
      for row in range { target[row] = dot(a.columns, a.row(row), b.row(row)) }
    }
  }
  return dots
}

/// The sum of a[i] b[i] in f64, over four partial sums.
package func dot(_ count: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>) -> Double {
  var (s0, s1, s2, s3) = (0.0, 0.0, 0.0, 0.0)
  var i = 0
  while i + 4 <= count {
    s0 += Double(a[i]) * Double(b[i])
    s1 += Double(a[i + 1]) * Double(b[i + 1])
    s2 += Double(a[i + 2]) * Double(b[i + 2])
    s3 += Double(a[i + 3]) * Double(b[i + 3])
    i += 4
  }
  while i < count {
    s0 += Double(a[i]) * Double(b[i])
    i += 1
  }
  return (s0 + s1) + (s2 + s3)
}
