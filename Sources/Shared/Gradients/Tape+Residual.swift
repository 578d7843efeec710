import Kernels
import Tensors

extension Tape {
  /// y = x + gate * branch, the gate the same for all tokens of a sample.
  ///
  /// dx = dy, dbranch = gate * dy, dgate = the sum of dy * branch over the rows of the sample.
  ///
  /// - Parameters:
  ///   - x: [batch * tokens][D].
  ///   - branch: [batch * tokens][D].
  ///   - gate: [batch][D], or nil for 1.
  /// - Returns: [batch * tokens][D].
  package func residual(_ x: Variable, _ branch: Variable, gate: Variable?) -> Variable {
    let (part, batch) = (branch.value, gate?.value.rows ?? 1)
    let y = x.value.adding(part, gate: gate?.value)
    let (dx, dbranch, dgate) = (x.gradient, branch.gradient, gate?.gradient)
    let factor = dbranch == nil ? nil : gate?.value
    let kept = dgate == nil ? nil : part
    return record(y, from: [dx, dbranch, dgate]) { dy in
      if let dbranch { dbranch.add(factor.map { dy.scaled(by: $0) } ?? dy.copy()) }
      if let dgate, let kept { dgate.add(columnSums(of: dy, times: kept, batch: batch)) }
      dx?.add(dy)
    }
  }
}
