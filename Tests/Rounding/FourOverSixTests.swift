import Formats
import Platform
import Rounding
import TestSupport
import Tensors
import Testing

/// Four over Six (arXiv 2512.02010) against the bytes of an independent program
/// (Tests/References/siblings).
struct FourOverSixTests {
  private let golden: SafetensorsFile

  init() throws { golden = try References.tensors("siblings/io.safetensors") }

  private func options(_ method: RoundingMethod = .nearest) throws -> RoundingOptions {
    var options = RoundingOptions(
      WeightLayout(try NumberFormat("e2m1"), .groups(of: 16), scales: .e4m3))
    options.method = method
    options.scaleSearch = .fourOverSix
    return options
  }

  @Test(arguments: ["G32", "R"])
  func `chooses as the reference`(name: String) throws {
    let tensor = try golden.tensor(name)
    let weight = Matrix(
      rows: tensor.shape[0], columns: tensor.shape[1], values: try tensor.floats())
    // A site that was never seen: all that counts is the weight error.
    let objective = try SiteObjective(
      site: "s", gram: Matrix(rows: weight.columns, columns: weight.columns, zeroed: true),
      sum: Array(repeating: 0, count: weight.columns), tokens: 0, options: ObjectiveOptions())
    let quantized = try round(
      LayerProblem(place: name, weight: weight, objective: objective), options: options()
    ).quantized
    let scales = quantized.scales
    guard case .stored(let global) = scales.precision else {
      Issue.record("\(scales.precision)")
      return
    }
    // Our levels are twice E2M1's values. absmax / 1536 in one f32 division, as theirs: the same
    // bits.
    #expect(try 2 * global == golden.tensor("\(name).fourosix.scale_2").floats()[0])
    // In memory a group of zeros has scale 0, as theirs.
    #expect(
      scales.scales.map { Float8E4M3.bits($0 / Double(global)) }
        == [UInt8](try golden.tensor("\(name).fourosix.scale").bytes))
    #expect(quantized.codes == [UInt8](try golden.tensor("\(name).fourosix.code").bytes))
    let values = quantized.dequantized().values
    for (mine, theirs) in zip(values, try golden.tensor("\(name).fourosix.dequant").floats()) {
      #expect(abs(mine - theirs) <= 3e-7 * abs(theirs))
    }
    guard name == "G32" else { return }
    #expect(
      PackedCodes.packNibbles(quantized.codes, rows: 1, columns: 32) == [
        0x32, 0xB1, 0x9C, 0x54, 0xC3, 0xCE, 0x63, 0xB5, 0xDE, 0x61, 0x86, 0xEE, 0x69, 0x37, 0xFE,
        0x6D,
      ])
    let errors = zip(values, weight.values).map {
      (Double($0) - Double($1)) * (Double($0) - Double($1))
    }
    #expect(abs(errors.reduce(0, +) / 32 - 0.0422438) < 5e-8)
  }

  /// A search as any other: it starts gptq and descent, and it helps both on average.
  @Test(arguments: RoundingMethod.allCases)
  func `combines with`(method: RoundingMethod) throws {
    let layer = SyntheticLayer(outputs: 48, inputs: 256, tokens: 2048)
    var options = try options(method)
    options.adaRound.iterations = 100
    let both = try round(layer.problem(), options: options)
    options.scaleSearch = .absmax
    let plain = try round(layer.problem(), options: options)
    #expect(both.report.errorAfter < plain.report.errorAfter)
    if method == .nearest {
      // On normal weights some of the groups of 16 take each.
      let four = zip(both.quantized.scales.scales, plain.quantized.scales.scales).filter {
        $0 > 1.25 * $1
      }
      #expect(four.count > 100 && four.count < 48 * 16 - 100, "\(four.count)")
    }
  }

  @Test func `other formats and scales are refused`() throws {
    let problem = try SyntheticLayer(outputs: 2, inputs: 32, tokens: 64).problem()
    for (format, type) in [("e1m2", ScaleStorage.e4m3), ("e2m1", .f16)] {
      var options = try options()
      options = options.of([try NumberFormat(format)])
      options.layout.scales = type
      #expect(
        throws: Failure(
          "format \(format): expected e2m1 with --scale-type e4m3 for --scale four-over-six, "
            + "found \(format) with \(type.rawValue)")
      ) { try round(problem, options: options) }
    }
  }
}
