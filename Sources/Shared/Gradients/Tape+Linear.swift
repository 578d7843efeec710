import Kernels
import Tensors

extension Tape {
  /// y = x W^T + b.
  ///
  /// dx = dy W, dW = dy^T x, db = the sum of dy over its rows.
  ///
  /// - Parameters:
  ///   - x: [tokens][inputs].
  ///   - weight: [outputs][inputs].
  ///   - bias: [1][outputs], or nil.
  /// - Returns: [tokens][outputs].
  package func linear(_ x: Variable, weight: Variable, bias: Variable?) -> Variable {
    let y = project(x.value, weight: weight.value, bias: bias?.value.values)
    let (dx, dw, db) = (x.gradient, weight.gradient, bias?.gradient)
    let input = dw == nil ? nil : x.value
    let matrix = dx == nil ? nil : weight.value
    return record(y, from: [dx, dw, db]) { dy in
      if let dx, let matrix { dx.add(product(dy, matrix)) }
      if let dw, let input { dw.add(product(transposeA: true, dy, input)) }
      db?.add(columnSums(of: dy))
    }
  }
}
