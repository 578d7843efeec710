import Kernels
import Platform
import Tensors

/// What a layer reads in the float network, x, and behind layers that are rounded already, z, of
/// the same tokens; and the weight that makes of z what the float layer makes of x.
///
/// W* = W (1 + E[(x - z) z'] (E[z z'] + damping d I)^-1), d the mean of the diagonal: the least
/// squares solution of W* z = W x, as in GPTAQ (arXiv 2504.02692) and Qronos. Errors of the layers
/// before are made up for as far as z tells them, before they add up over blocks and steps; what W*
/// asks of the codes is then rounded like any weight.
package final class PrefixCorrection {
  package let inputs: Int
  private var tokens = 0
  /// Sum z z' [inputs][inputs].
  private var gram: [Double]
  /// Sum (x - z) z' [inputs][inputs].
  private var cross: [Double]
  /// Sum z and sum (x - z), [inputs].
  private var sum: [Double]
  private var lost: [Double]

  package init(inputs: Int) {
    self.inputs = inputs
    gram = Array(repeating: 0, count: inputs * inputs)
    cross = gram
    sum = Array(repeating: 0, count: inputs)
    lost = sum
  }

  /// Adds tokens: x and z, both [tokens][inputs].
  package func add(float x: Matrix, rounded z: Matrix) {
    precondition(x.columns == inputs && z.columns == inputs && x.rows == z.rows, "the same tokens")
    let difference = difference(x, z)
    func add(_ product: Matrix, to sums: inout [Double]) {
      sums.withUnsafeMutableBufferPointer { buffer in
        nonisolated(unsafe) let sums = buffer
        Parallel.chunks(of: product.count, size: 1 << 16) { range in
          for i in range { sums[i] += Double(product.pointer[i]) }
        }
      }
    }
    add(product(transposeA: true, z, z), to: &gram)
    add(product(transposeA: true, difference, z), to: &cross)
    for t in 0..<z.rows {
      let (row, error) = (z.row(t), difference.row(t))
      for k in 0..<inputs {
        sum[k] += Double(row[k])
        lost[k] += Double(error[k])
      }
    }
    tokens += z.rows
  }

  /// The mean of z - x, [inputs].
  package var meanShift: [Double] { lost.map { tokens > 0 ? -$0 / Double(tokens) : 0 } }

  /// E[(x - z) z'] (E[z z'] + damping d I)^-1 [inputs][inputs], about the means where the bias is
  /// corrected.
  ///
  /// Nil where nothing differs, and where rounding errors hide the answer.
  package func change(damping: Double, isCentred: Bool) -> Matrix? {
    guard tokens > 0, cross.contains(where: { $0 != 0 }) else { return nil }
    let count = inputs
    let share = 1 / Double(tokens)
    func moment(_ sums: [Double], _ first: [Double], _ i: Int, _ j: Int) -> Double {
      let square = sums[i * count + j] * share
      return isCentred ? square - first[i] * share * sum[j] * share : square
    }
    let factor = WideMatrix(rows: count, columns: count)
    var trace = 0.0
    for i in 0..<count { trace += max(0, moment(gram, sum, i, i)) }
    let added = damping * trace / Double(count)
    for i in 0..<count {
      for j in 0...i { factor.row(i)[j] = moment(gram, sum, i, j) }
      factor.row(i)[i] += added
    }
    guard choleskyFactorize(factor, smallestPivot: trace / Double(count) * 1e-9) else {
      return nil
    }
    let change = Matrix(rows: count, columns: count)
    let rows = (0..<count).map { i in (0..<count).map { moment(cross, lost, i, $0) } }
    Parallel.chunks(of: count, size: 16) { range in
      let l = factor.pointer
      for i in range {
        // y L' = e, then x L = y.
        var x = rows[i]
        for j in 0..<count {
          for k in 0..<j { x[j] -= x[k] * l[j * count + k] }
          x[j] /= l[j * count + j]
        }
        for j in (0..<count).reversed() {
          x[j] /= l[j * count + j]
          for k in 0..<j { x[k] -= x[j] * l[j * count + k] }
        }
        for j in 0..<count { change.row(i)[j] = Float(x[j]) }
      }
    }
    return change
  }
}
