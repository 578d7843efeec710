import Kernels
import Tensors

extension Tape {
  /// The same elements, [count / columns][columns].
  package func reshape(_ x: Variable, columns: Int) -> Variable {
    let (dx, width) = (x.gradient, x.value.columns)
    return record(x.value.reshaped(columns: columns), from: [dx]) { dy in
      dx?.add(dy.reshaped(columns: width))
    }
  }

  /// y = [a | b], side by side.
  ///
  /// - Parameters:
  ///   - a: [rows][columns of a].
  ///   - b: [rows][columns of b].
  /// - Returns: [rows][columns of a + columns of b].
  package func concatenate(_ a: Variable, _ b: Variable) -> Variable {
    let (da, db, width) = (a.gradient, b.gradient, a.value.columns)
    return record(a.value.concatenated(with: b.value), from: [da, db]) { dy in
      da?.add(dy.copy(columns: 0..<width))
      db?.add(dy.copy(columns: width..<dy.columns))
    }
  }
}
