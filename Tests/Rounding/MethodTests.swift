import Formats
import Foundation
import Platform
import Rounding
import Tensors
import Testing

private func options(
  _ method: RoundingMethod, _ format: String = "e2m1", groupSize: Int = 64,
  scale: ScaleSearch = .output
) throws -> RoundingOptions {
  var options = RoundingOptions(WeightLayout(try NumberFormat(format), .groups(of: groupSize)))
  options.method = method
  options.scaleSearch = scale
  options.adaRound.iterations = 200
  return options
}

@Test(arguments: RoundingMethod.allCases, [true, false])
func `reported error is the output error`(method: RoundingMethod, corrected: Bool) throws {
  let layer = SyntheticLayer(outputs: 24, inputs: 160, tokens: 1600)
  var objective = ObjectiveOptions()
  objective.biasCorrection = corrected
  let rounded = try round(layer.problem(objective), options: options(method))
  #expect(rounded.biasCorrection.contains { $0 != 0 } == corrected)
  // f32 statistics and products: the error is some thousandths of the power, of which 7 digits are
  // kept.
  let exact = layer.error(of: rounded)
  #expect(abs(rounded.report.errorAfter / exact - 1) < 2e-3, "\(exact)")
}

/// Each method must earn its place on the statistics it was given.
@Test(arguments: ["e2m1", "e3m0", "e1m2", "int4", "lloyd4"])
func `methods rank as expected`(format: String) throws {
  let layer = SyntheticLayer(outputs: 48, inputs: 256, tokens: 4096)
  let problem = try layer.problem()
  func after(_ method: RoundingMethod, _ scale: ScaleSearch) throws -> Double {
    try round(problem, options: options(method, format, scale: scale)).report.errorAfter
  }
  let before = try round(problem, options: options(.nearest, format, scale: .absmax)).report
  #expect(before.errorBefore == before.errorAfter)
  #expect(before.changedCodes == 0)
  #expect(try after(.nearest, .output) < before.errorAfter)
  let feedback = try after(.gptq, .absmax)
  #expect(feedback < 0.9 * before.errorAfter)
  #expect(try after(.gptq, .output) < feedback)
  #expect(try after(.adaround, .absmax) < 0.9 * before.errorAfter)
  #expect(try after(.descent, .output) < after(.gptq, .output))
}

@Test(arguments: ["e2m1", "int4", "e2m3", "lloyd4"])
func `descent never raises the loss`(format: String) throws {
  for seed in 1...3 {
    let layer = SyntheticLayer(
      outputs: 20, inputs: 200, tokens: 600, steepness: 8, seed: UInt64(seed))
    var options = try options(.descent, format)
    options.descent.rounds = 6
    let losses = try round(layer.problem(), options: options).report.losses
    // nearest, gptq, each round, the best rows
    #expect(losses.count >= 4)
    for (before, after) in zip(losses.dropFirst(), losses.dropFirst(2)) {
      // From scratch in f64 over f32 products: their rounding is below 1e-6.
      #expect(after <= before * (1 + 1e-6), "\(losses)")
    }
    #expect(losses[losses.count - 1] <= losses[0])
    #expect(losses[losses.count - 2] < losses[1])
  }
}

/// With a diagonal objective codes do not interact: feedback must leave nearest alone, and descent
/// can only refit scales.
@Test func `diagonal objective keeps nearest`() throws {
  let layer = SyntheticLayer(outputs: 6, inputs: 130, tokens: 4)
  let gram = Matrix(rows: 130, columns: 130, zeroed: true)
  for k in 0..<130 { gram.row(k)[k] = Float(1 + k % 7) }
  let objective = try SiteObjective(
    site: "s", gram: gram, sum: [Float](repeating: 0, count: 130), tokens: 1,
    options: ObjectiveOptions())
  let problem = LayerProblem(place: "w", weight: layer.weight, objective: objective)
  let nearest = try round(problem, options: options(.nearest, scale: .absmax))
  #expect(
    try round(problem, options: options(.gptq, scale: .absmax)).quantized == nearest.quantized)
  var fixed = try options(.descent, scale: .absmax)
  fixed.descent.refitsScales = false
  #expect(try round(problem, options: fixed).quantized == nearest.quantized)
}

@Test func `AdaRound chooses floor or ceiling`() throws {
  let layer = SyntheticLayer(outputs: 12, inputs: 96, tokens: 800)
  for isScaleAware in [true, false] {
    var options = try options(.adaround, groupSize: 32, scale: .absmax)
    options.adaRound.scaleAware = isScaleAware
    let rounded = try round(layer.problem(), options: options)
    let nearest = try GroupScales.absmax(
      of: layer.weight, options.layout, place: "w")
    #expect(rounded.quantized.scales == nearest)
    #expect(rounded.report.changedCodes > 0)
    let values = rounded.quantized.dequantized()
    for index in 0..<layer.weight.count {
      let scale = nearest.scales[index / 96 * 3 + index % 96 / 32]
      let w = Double(layer.weight.pointer[index]) / scale
      let level = (Double(values.pointer[index]) / scale).rounded()
      // No level lies strictly between the weight and its code.
      let between = options.layout.format.levels().levels.map { Double($0) }
        .contains { $0 > min(w, level) && $0 < max(w, level) }
      #expect(!between, "\(w) to \(level)")
    }
  }
}

@Test func `regulariser dominates whatever the number of tokens`() throws {
  let layer = SyntheticLayer(outputs: 16, inputs: 96, tokens: 800)
  let scaled = Matrix(rows: 96, columns: 96)
  for index in 0..<scaled.count { scaled.pointer[index] = 1024 * layer.gram.pointer[index] }
  let many = try SiteObjective(
    site: "s", gram: scaled, sum: layer.sum.map { 1024 * $0 }, tokens: 1024 * 800,
    options: ObjectiveOptions())
  let few = try round(layer.problem(), options: options(.adaround))
  let same = try round(
    LayerProblem(place: "w", weight: layer.weight, objective: many), options: options(.adaround))
  // 1024 is a power of two: every number of the objective is the same.
  #expect(few.quantized == same.quantized)
}

@Test(arguments: RoundingMethod.allCases)
func `bytes do not depend on threads`(method: RoundingMethod) throws {
  let layer = SyntheticLayer(outputs: 210, inputs: 330, tokens: 700)
  let before = Parallel.threads
  defer { Parallel.threads = before }
  var results: [RoundedLayer] = []
  for threads in [1, 2, 5] {
    Parallel.threads = threads
    var options = try options(method, groupSize: 128)
    options.adaRound.iterations = 20
    results.append(try round(layer.problem(), options: options))
  }
  for other in results.dropFirst() {
    #expect(other.quantized == results[0].quantized)
    #expect(other.biasCorrection == results[0].biasCorrection)
    #expect(other.report.errorAfter == results[0].report.errorAfter)
  }
}

/// AMS-Quant's formats: the search knows that weights share a bit, and only rounding to nearest
/// does.
@Test(arguments: ["fp5.33", "fp4.25"])
func `shared bits are searched and rounded to nearest only`(format: String) throws {
  let layer = SyntheticLayer(outputs: 24, inputs: 160, tokens: 1600)
  func rounded(_ method: RoundingMethod, _ scale: ScaleSearch, _ mode: SharedBit.Mode = .nearest)
    throws -> RoundedLayer
  {
    var options = try options(method, scale: scale).of([NumberFormat(format)])
    options.sharedBitMode = mode
    return try round(layer.problem(), options: options)
  }
  let absmax = try rounded(.nearest, .absmax)
  let output = try rounded(.nearest, .output)
  #expect(output.quantized.scales.groups == 1)
  #expect(output.report.changedCodes == 0)
  // f32 statistics and products, as above.
  #expect(abs(output.report.errorAfter / layer.error(of: output) - 1) < 2e-3)
  #expect(output.report.errorAfter < absmax.report.errorAfter)
  #expect(
    try rounded(.nearest, .absmax, .overwrite).report.errorAfter > absmax.report.errorAfter)
  // By weight error the search must do at least as well as the clip of 1, which is among its own.
  func weightError(_ rounded: RoundedLayer) -> Double {
    zip(rounded.quantized.dequantized().values, layer.weight.values)
      .reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
  }
  for mode in SharedBit.Mode.allCases {
    #expect(
      try weightError(rounded(.nearest, .mse, mode)) < weightError(rounded(.nearest, .absmax, mode))
    )
  }
  for method in RoundingMethod.allCases where method != .nearest {
    #expect(
      throws: Failure("format \(format): expected --method nearest, found \(method.rawValue)")
    ) { try rounded(method, .output) }
  }
}

/// What a method hands over as the losses of its rows are those of its levels, by their definition.
@Test(arguments: [RoundingMethod.adaround, .descent])
func `methods hand over their rows losses`(method: RoundingMethod) throws {
  let layer = SyntheticLayer(outputs: 24, inputs: 160, tokens: 1600)
  let problem = try layer.problem()
  var options = try options(method)
  options.adaRound.iterations = 50
  let choice = try problem.choose(options)
  let losses = try #require(choice.rowLosses)
  let (values, hessian) = (choice.levels.values(), problem.objective.hessian)
  let h = (0..<160).map { i in (0..<160).map { Double(hessian.row(i)[$0]) } }
  #expect(losses.count == 24)
  for (row, loss) in losses.enumerated() {
    let e = (0..<160).map { Double(values.row(row)[$0]) - Double(layer.weight.row(row)[$0]) }
    // Products in f32.
    #expect(abs(loss / quadratic([e], h) - 1) < 1e-4)
  }
}
