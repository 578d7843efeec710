import Formats
import Kernels
import Platform
import Tensors
import TestSupport
import Testing

/// The Swift face: what it computes, on how many threads, and what it refuses.
@Suite(.serialized) struct PackedMatrixTests {
  private func packed(_ weight: WeightCase) throws -> PackedMatrix {
    let (codes, scales, zeros) = try weight.matrix()
    return try PackedMatrix(
      codes: codes, scales: scales, tensorScale: weight.tensorScale, zeros: zeros,
      inputs: weight.inputs, layout: weight.layout)
  }

  /// `x` prepared for `weight`, and multiplied.
  private func multiply(
    _ weight: WeightCase, _ x: Matrix, _ activation: ActivationFormat?, bias: [Float]? = nil
  ) throws -> Matrix {
    let preparation = try QuantizedTokens.Preparation(
      transform: nil, activation: activation, staticScale: nil,
      groupSize: min(weight.group, weight.inputs))
    return try packed(weight).multiply(QuantizedTokens(x, preparation), bias: bias)
  }

  /// Quantizes by search and multiplies by the definition.
  private func expected(
    _ weight: WeightCase, _ x: Matrix, _ activation: ActivationFormat, bias: [Float]
  ) -> Exact<UInt32> {
    let perGroup = activation.granularity == .tokenGroup
    let span = perGroup ? weight.group : weight.inputs
    var tokens = TokenCase(tokens: x.rows, perGroup: perGroup, integers: [], scales: [])
    for t in 0..<x.rows {
      for first in stride(from: 0, to: x.columns, by: span) {
        let part = (first..<min(first + span, x.columns)).map { x.row(t)[$0] }
        let scale = (part.map(abs).max() ?? 0) / Float(activation.format.maxCode)
        tokens.scales.append(scale)
        tokens.integers += part.map {
          scale == 0 ? 0 : TokenQuantizerTests.nearest($0 / scale, activation.format)
        }
      }
    }
    return bits(tokens.product(weight, bias: bias))
  }

  /// A row that is looked up is what the product reads: unit vectors take it apart.
  @Test(arguments: ["e2m1", "int4", "lloyd4", "e3m0"])
  func `rows are those of the product`(format: String) throws {
    let inputs = 50
    let weight = try WeightCase(format, outputs: 9, inputs: inputs, group: 16, seed: 3)
    let units = Matrix(rows: inputs, columns: inputs, zeroed: true)
    for k in 0..<inputs { units.row(k)[k] = 1 }
    let y = try multiply(weight, units, nil)
    let matrix = try packed(weight)
    let row = Matrix(rows: 1, columns: inputs)
    for output in 0..<9 {
      matrix.copyRow(output, to: row.block())
      for k in 0..<inputs {
        // Level, scale and tensor scale are multiplied in another order: two roundings of f32.
        let (found, expected) = (row.values[k], y.row(k)[output])
        #expect(abs(found - expected) <= abs(expected) * 0x1p-22, "\(output), \(k)")
      }
    }
  }

  @Test(arguments: ["e2m1:token", "e2m3:token-group", "int8", "int6:token", "e3m2", "e3m4:token"])
  func `quantized product`(activation name: String) throws {
    let activation = try #require(try ActivationFormat.parse(name))
    var random = Generator(7)
    for (format, outputs, inputs, group, tokens) in [
      ("e2m1", 70, 300, 128, 9), ("int4", 130, 64, 32, 300), ("e3m0", 3, 5, 9, 1),
      ("lloyd4", 40, 192, 64, 5),
    ] {
      let weight = try WeightCase(
        format, outputs: outputs, inputs: inputs, group: min(group, inputs), seed: 8)
      let x = Matrix(
        rows: tokens, columns: inputs, values: (0..<(tokens * inputs)).map { _ in random.signed() })
      let bias = (0..<outputs).map { _ in random.signed() }
      let y = try multiply(weight, x, activation, bias: bias)
      #expect(bits(y.values) == expected(weight, x, activation, bias: bias), "\(format)")
    }
  }

  /// e4m3 goes through f32: the product of the values that `nearest` gives.
  @Test func `wide activation format`() throws {
    let activation = try #require(try ActivationFormat.parse("e4m3:token"))
    let weight = try WeightCase("e2m1", outputs: 5, inputs: 70, group: 32, seed: 9)
    var random = Generator(10)
    let x = Matrix(rows: 3, columns: 70, values: (0..<210).map { _ in random.signed() })
    let quantized = Matrix(rows: 3, columns: 70)
    for t in 0..<3 {
      let scale = (0..<70).map { abs(x.row(t)[$0]) }.reduce(0, max) / 245_760
      for k in 0..<70 {
        let integer = TokenQuantizerTests.nearest(x.row(t)[k] / scale, activation.format)
        quantized.row(t)[k] = Float(integer) * scale
      }
    }
    #expect(
      try bits(multiply(weight, x, activation).values)
        == bits(multiply(weight, quantized, nil).values))
  }

  @Test(arguments: ["none", "e2m3", "e3m4:token", "e4m3"])
  func `same bits on any number of threads`(activation name: String) throws {
    let activation = try ActivationFormat.parse(name)
    let weight = try WeightCase("e2m1", outputs: 200, inputs: 256, group: 128, seed: 11)
    var random = Generator(12)
    let x = Matrix(rows: 600, columns: 256, values: (0..<(600 * 256)).map { _ in random.signed() })
    let before = Parallel.threads
    defer { Parallel.threads = before }
    let results = try [1, 2, 5].map { threads in
      Parallel.threads = threads
      return try bits(multiply(weight, x, activation).values)
    }
    #expect(results[0] == results[1] && results[0] == results[2])
  }

  @Test(arguments: ["none", "e2m3", "e2m3:token", "e3m4", "e4m3"])
  func `not a number is seen in the output`(activation name: String) throws {
    let weight = try WeightCase("e2m1", outputs: 33, inputs: 64, group: 32, seed: 13)
    let x = Matrix(rows: 7, columns: 64, zeroed: true)
    x.row(3)[40] = .nan
    let y = try multiply(weight, x, ActivationFormat.parse(name))
    for t in 0..<7 {
      #expect((0..<33).allSatisfy { y.row(t)[$0].isNaN == (t == 3) }, "token \(t)")
    }
  }

  @Test func `no tokens`() throws {
    let weight = try WeightCase("e2m1", outputs: 3, inputs: 4, group: 4, seed: 14)
    let y = try multiply(
      weight, Matrix(rows: 0, columns: 4), ActivationFormat.parse("int8"))
    #expect(y.rows == 0 && y.columns == 3)
  }

  @Test func `refuses what does not fit`() throws {
    let weight = try WeightCase("int4", outputs: 4, inputs: 10, group: 4, seed: 15)
    let (codes, scales, zeros) = try weight.matrix()
    let int4 = weight.format
    func refused(
      _ problem: String, codes: Tensor = codes, scales: Tensor = scales, zeros: Tensor? = zeros,
      inputs: Int = 10, format: NumberFormat = int4, group: Int = 4
    ) {
      #expect(throws: Failure(problem)) {
        try PackedMatrix(
          codes: codes, scales: scales, zeros: zeros, inputs: inputs,
          layout: WeightLayout(format, .groups(of: group)))
      }
    }
    refused("<memory>: w: expected U8 [outputs, 6], found U8 [4, 5]", inputs: 11)
    refused("<memory>: w: expected groups of 1 to 16384 inputs, found 0 of 10", group: 0)
    refused("<memory>: w: expected groups of 1 to 16384 inputs, found 4 of -3", inputs: -3)
    refused(
      "<memory>: w: expected groups of 1 to 16384 inputs, found 20000 of 20000", inputs: 20000,
      group: 20000)
    refused(
      "<memory>: w: expected int8 or a weight format of 4 to 6 bits, found int7",
      format: try NumberFormat("int7"))
    refused("<memory>: w.scales: expected F16 [4, 2], found F16 [4, 3]", group: 5)
    refused("<memory>: w: expected zero points for int4", zeros: nil)
    refused("<memory>: w.zeros: e2m1 has no zero points", format: try NumberFormat("e2m1"))
    refused(
      "<memory>: w: expected U8 [outputs, 5], found F16 [4, 3]",
      codes: Tensor(name: "w", dtype: .f16, shape: [4, 3], values: weight.scales))
    for bad in [Float16.nan, .infinity, -1] {
      var values = weight.scales
      values[7] = bad
      refused(
        "<memory>: s: expected finite scales >= 0, found \(bad) at 7",
        scales: Tensor(name: "s", dtype: .f16, shape: [4, 3], values: values))
    }
    var high = weight.zeros
    high[5] = 16
    refused(
      "<memory>: z: expected zero points of 0 to 15, found 16",
      zeros: Tensor(name: "z", dtype: .u8, shape: [4, 3], values: high))
  }

  private func prepared(_ activation: ActivationFormat) throws {
    _ = try QuantizedTokens.Preparation(
      transform: nil, activation: activation, staticScale: nil, groupSize: 64)
  }

  @Test func `refuses activations that cannot be rounded to`() throws {
    for name in ["e3m0", "e4m0:token"] {
      let activation = try #require(try ActivationFormat.parse(name))
      #expect(throws: Failure.self, "\(name)") { try prepared(activation) }
    }
    for name in ["e2m3", "e3m4", "e4m3", "int8:token", "int5"] {
      try prepared(#require(try ActivationFormat.parse(name)))
    }
    let fixed = try #require(try ActivationFormat.parse("int8:static"))
    #expect(
      throws: Failure("activations int8:static: expected a scale from calibration, found none")
    ) { try prepared(fixed) }
  }
}
