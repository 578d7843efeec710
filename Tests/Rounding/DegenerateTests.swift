import Formats
import Platform
import Rounding
import Tensors
import Testing

private func round(
  _ weight: Matrix, gram: Matrix, sum: [Float], tokens: Double, method: RoundingMethod,
  format: String = "e2m1", damping: Double = 0.01, groupSize: Int = 32
) throws -> RoundedLayer {
  var objective = ObjectiveOptions()
  objective.damping = damping
  var options = RoundingOptions(WeightLayout(try NumberFormat(format), .groups(of: groupSize)))
  options.method = method
  options.adaRound.iterations = 30
  let site = try SiteObjective(
    site: "site", gram: gram, sum: sum, tokens: tokens, options: objective)
  return try round(
    LayerProblem(place: "m: w", weight: weight, objective: site), options: options)
}

private func isFinite(_ rounded: RoundedLayer) -> Bool {
  rounded.quantized.dequantized().values.allSatisfy(\.isFinite)
    && rounded.biasCorrection.allSatisfy(\.isFinite)
    && rounded.report.losses.allSatisfy(\.isFinite) && rounded.report.errorAfter.isFinite
    && rounded.report.errorBefore.isFinite
}

@Test(arguments: RoundingMethod.allCases, ["e2m1", "int4", "e3m0"])
func `rank deficient statistics are rounded`(method: RoundingMethod, format: String) throws {
  // 3 and 1 tokens of 100 channels: the centred Gram of one token is 0 up to rounding.
  for tokens in [3, 1] {
    let layer = SyntheticLayer(outputs: 7, inputs: 100, tokens: tokens)
    for damping in [0.01, 0] {
      let rounded = try round(
        layer.weight, gram: layer.gram, sum: layer.sum, tokens: Double(tokens), method: method,
        format: format, damping: damping)
      #expect(isFinite(rounded))
      #expect(rounded.report.errorAfter <= rounded.report.errorBefore * 1.001 + 1e-9)
    }
  }
}

@Test(arguments: RoundingMethod.allCases)
func `site never seen is rounded by weight error`(method: RoundingMethod) throws {
  let layer = SyntheticLayer(outputs: 7, inputs: 70, tokens: 2)
  let gram = Matrix(rows: 70, columns: 70, zeroed: true)
  let rounded = try round(
    layer.weight, gram: gram, sum: [Float](repeating: 0, count: 70), tokens: 0, method: method)
  #expect(isFinite(rounded))
  #expect(rounded.report.errorAfter == 0)
  #expect(rounded.biasCorrection == [Float](repeating: 0, count: 7))
  // Nearest for its scales: nothing is gained by any other code.
  #expect(rounded.report.changedCodes == 0)
}

/// A file that has nothing of a site says as much as zeros.
@Test func `site without statistics has the unit matrix`() throws {
  let (count, zeros) = (5, [Float](repeating: 0, count: 5))
  let made = try [nil, Matrix(rows: count, columns: count, zeroed: true)].map {
    try SiteObjective(site: "s", gram: $0, sum: zeros, tokens: 0, options: ObjectiveOptions())
  }
  for objective in made {
    #expect(
      objective.hessian.values == (0..<count * count).map { $0 % (count + 1) == 0 ? 1 : 0 })
    #expect(objective.damping == 1 && objective.mean == zeros.map { Double($0) })
  }
}

@Test(arguments: RoundingMethod.allCases, ["e2m1", "int4"])
func `dead channels zero rows and constants are rounded`(method: RoundingMethod, format: String)
  throws
{
  // 45 inputs in groups of 32: the last group is shorter.
  let layer = SyntheticLayer(outputs: 6, inputs: 45, tokens: 500)
  for k in [3, 44] {
    for i in 0..<45 {
      layer.gram.row(k)[i] = 0
      layer.gram.row(i)[k] = 0
    }
  }
  var sum = layer.sum
  sum[3] = 0
  sum[44] = 0
  for k in 0..<45 {
    layer.weight.row(0)[k] = 0
    layer.weight.row(1)[k] = 0.25
    layer.weight.row(2)[k] = -1e-30
    if k < 32 { layer.weight.row(3)[k] = 0 }
  }
  let rounded = try round(
    layer.weight, gram: layer.gram, sum: sum, tokens: 500, method: method, format: format)
  #expect(isFinite(rounded))
  let (quantized, values) = (rounded.quantized, rounded.quantized.dequantized())
  #expect(quantized.codes[0..<45].allSatisfy { $0 == 0 })
  #expect(quantized.scales.scales[0..<2].allSatisfy { $0 == 0 })
  #expect(quantized.codes[(3 * 45)..<(3 * 45 + 32)].allSatisfy { $0 == 0 })
  #expect((0..<45).allSatisfy { values.row(2)[$0] == 0 })
  // Equal weights are codes: F16 keeps 11 bits of their scale.
  for k in 0..<45 { #expect(abs(values.row(1)[k] - 0.25) <= 0.25 / 1024) }
  // What never sees an input keeps its weight: its code is the nearest.
  for row in 4..<6 {
    for k in [3, 44] {
      let scale = Float(quantized.scales.scales[row * 2 + k / 32])
      let difference = abs(values.row(row)[k] - layer.weight.row(row)[k])
      #expect(method == .adaround || difference <= 2.01 * scale)
    }
  }
}

@Test(arguments: RoundingMethod.allCases)
func `empty and one column layers are rounded`(method: RoundingMethod) throws {
  let one = try round(
    Matrix(rows: 2, columns: 1, values: [0.5, -2]), gram: Matrix(rows: 1, columns: 1, values: [3]),
    sum: [1], tokens: 2, method: method, groupSize: 128)
  #expect(one.quantized.codes.count == 2)
  #expect(isFinite(one))
  let none = try round(
    Matrix(rows: 0, columns: 1), gram: Matrix(rows: 1, columns: 1, values: [3]), sum: [1],
    tokens: 2, method: method)
  #expect(none.quantized.codes.isEmpty)
}

@Test func `broken problems are refused`() throws {
  let gram = Matrix(rows: 2, columns: 2, values: [1, 0, 0, 1])
  let weight = Matrix(rows: 1, columns: 2, values: [1, .nan])
  #expect(throws: Failure("m: w", "expected finite weights, found nan at [0][1]")) {
    try round(weight, gram: gram, sum: [0, 0], tokens: 1, method: .descent)
  }
  #expect(throws: Failure("m: w", "expected 2 inputs as site has, found 3")) {
    try round(
      Matrix(rows: 1, columns: 3, values: [1, 2, 3]), gram: gram, sum: [0, 0], tokens: 1,
      method: .nearest)
  }
  func objective(_ values: [Float], sum: [Float] = [0, 0], tokens: Double = 1) throws {
    _ = try SiteObjective(
      site: "f: site", gram: Matrix(rows: 2, columns: 2, values: values), sum: sum, tokens: tokens,
      options: ObjectiveOptions())
  }
  #expect(throws: Failure("f: site", "expected a finite Gram matrix")) {
    try objective([1, .nan, 0, 1])
  }
  #expect(throws: Failure("f: site", "expected a finite Gram matrix")) {
    try objective([1, 0, .infinity, 1])
  }
  #expect(
    throws: Failure("f: site", "expected squares on the Gram matrix's diagonal, found -1.0 at 1")
  ) { try objective([1, 0, 0, -1]) }
  #expect(throws: Failure("f: site", "expected a Gram matrix [3][3], found [2][2]")) {
    try objective([1, 0, 0, 1], sum: [0, 0, 0])
  }
  #expect(throws: Failure.self) { try objective([1, 0, 0, 1], tokens: .nan) }
  let options = RoundingOptions(WeightLayout(try NumberFormat("e2m1"), .groups(of: 0)))
  #expect(throws: Failure("group size: expected 1 to 1048576, found 0")) {
    let layer = SyntheticLayer(outputs: 1, inputs: 4, tokens: 4)
    _ = try Rounding.round(layer.problem(), options: options)
  }
}

/// A Gram matrix that f32 cannot factor: nearly dependent channels with hardly any damping.
@Test func `factorization falls back to double precision`() throws {
  let layer = SyntheticLayer(outputs: 8, inputs: 300, tokens: 40)
  var options = ObjectiveOptions()
  options.damping = 1e-7
  let objective = try layer.objective(options)
  let factor = objective.feedbackFactor()
  #expect(!factor.isSinglePrecision)
  var rounding = RoundingOptions(WeightLayout(try NumberFormat("e2m1")))
  rounding.method = .gptq
  let rounded = try Rounding.round(
    LayerProblem(place: "w", weight: layer.weight, objective: objective), options: rounding)
  #expect(rounded.report.isSinglePrecision == false)
  #expect(rounded.report.errorAfter < 0.1 * rounded.report.errorBefore)
}
