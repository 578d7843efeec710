import Formats
import Platform
import Rounding
import TestSupport
import Tensors
import Testing

private func matrix(_ tensor: Tensor) throws -> Matrix {
  Matrix(rows: tensor.shape[0], columns: tensor.shape[1], values: try tensor.floats())
}

private func integers(_ json: JSON?) -> [Int] {
  guard case .array(let values)? = json else { return [] }
  return values.compactMap(\.int)
}

/// Tests/References/gptq, an f64 GPTQ in natural order with damping .01.
@Test(arguments: ["E2M1", "E3M0", "INT4"])
func `error feedback matches GPTQ`(name: String) throws {
  let golden = try References.tensors("gptq/io.safetensors")
  let config = try ModelConfig(References.path("gptq/case.json"))
  let weight = try matrix(golden.tensor("weight"))
  let gram = try matrix(golden.tensor("gram"))
  // The reference's treatment of inputs that are always 0; ours rounds them to nearest.
  let dead = integers(config.json["dead_columns"])
  for k in dead {
    gram.row(k)[k] = 1
    for row in 0..<weight.rows { weight.row(row)[k] = 0 }
  }
  let groups = try golden.tensor("absmax").shape[1]
  var options = ObjectiveOptions()
  options.order = .natural
  options.biasCorrection = false
  let objective = try SiteObjective(
    site: "gptq", gram: gram, sum: [Float](repeating: 0, count: gram.rows), tokens: 1,
    options: options)
  let scales = try GroupScales.absmax(
    of: matrix(golden.tensor("weight")),
    WeightLayout(NumberFormat(name.lowercased()), .groups(of: weight.columns / groups)),
    precision: .exact,
    smallestAbsmax: name == "INT4" ? 0 : 1e-4,
    place: "weight")
  let factor = objective.feedbackFactor()
  #expect(factor.isSinglePrecision)
  let levels = errorFeedback(weight, scales: scales, factor: factor)
  let codes = levels.codes()

  let expected = [UInt8](try golden.tensor("\(name).code").bytes)
  let different = zip(codes, expected).filter { $0 != $1 }.count
  // case.json for f32: at most 2 % of the codes differ, then the loss within 1 %.
  #expect(Double(different) <= 0.02 * Double(codes.count), "\(different) codes differ")
  let values = scales.values(of: codes)
  let original = try matrix(golden.tensor("weight"))
  let g = try matrix(golden.tensor("gram"))
  let e = (0..<weight.rows).map { row in
    (0..<weight.columns).map { Double(values.row(row)[$0]) - Double(original.row(row)[$0]) }
  }
  let c = (0..<g.rows).map { row in (0..<g.columns).map { Double(g.row(row)[$0]) } }
  let goldenLoss = try #require(config.json["stats"]?[name]?["loss_gptq"]?.double)
  #expect(abs(quadratic(e, c) / goldenLoss - 1) < (different == 0 ? 1e-5 : 0.01))
  let dequantized = try golden.tensor("\(name).dequant").floats()
  for index in codes.indices where codes[index] == expected[index] {
    #expect(abs(values.pointer[index] - dequantized[index]) <= 3e-7 * abs(dequantized[index]))
  }
}

/// Blocks, order, groups: against the definition q_k = Q(w_k + sum (w_j - q_j) M_jk), M from an
/// unblocked f64 factorization.
@Test func `feedback follows its definition across blocks`() throws {
  let layer = SyntheticLayer(outputs: 5, inputs: 300, tokens: 900)
  let objective = try layer.objective()
  let (n, order) = (300, objective.order)
  #expect(order != Array(0..<n) && order.sorted() == Array(0..<n))
  for (a, b) in zip(order, order.dropFirst()) {
    #expect(objective.diagonal[a] >= objective.diagonal[b])
  }
  // H = U U' with U upper, column by column from the last.
  var u = (0..<n).map { i in
    (0..<n).map { j in Double(objective.hessian.row(order[i])[order[j]]) }
  }
  for k in stride(from: n - 1, through: 0, by: -1) {
    for i in 0...k {
      var sum = u[i][k]
      for j in (k + 1)..<max(n, k + 1) { sum -= u[i][j] * u[k][j] }
      u[i][k] = sum
    }
    let pivot = u[k][k].squareRoot()
    for i in 0...k { u[i][k] /= pivot }
  }
  let factor = objective.feedbackFactor()
  var largest = 0.0
  for i in 0..<n {
    for k in i..<n {
      largest = max(largest, abs(u[i][k] / u[k][k] - Double(factor.matrix.row(i)[k])))
    }
  }
  // f32 keeps 7 digits; the least eigenvalue is .01 of the mean, the largest some hundred times it.
  #expect(largest < 1e-3)

  let scales = try GroupScales.absmax(
    of: layer.weight, WeightLayout(NumberFormat("e2m1"), .groups(of: 64)), place: "w")
  let levels = errorFeedback(layer.weight, scales: scales, factor: factor)
  var different = 0
  for row in 0..<layer.weight.rows {
    var e = [Double](repeating: 0, count: n)
    for k in 0..<n {
      let w = Double(layer.weight.row(row)[order[k]])
      var target = w
      for j in 0..<k { target += e[j] * Double(factor.matrix.row(j)[k]) }
      let scale = scales.scales[row * scales.groups + order[k] / 64]
      let level = scales.format.levels().nearest(target / scale)
      // Follow the f32 result where it took the other side of a tie, so that one flip is counted
      // once.
      let taken = levels.matrix.row(row)[order[k]]
      if taken != Float(level) { different += 1 }
      e[k] = w - Double(taken) * scale
    }
  }
  #expect(different <= 1)
}
