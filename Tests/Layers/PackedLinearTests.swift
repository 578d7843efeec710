import Formats
import Foundation
import Kernels
import Layers
import Streams
import Tensors
import TestSupport
import Testing

/// Packed layers of every kind against y = V x + b in f64, V by `NumberFormat.decode` and the
/// scales as they are stored.
struct PackedLinearTests {
  private static let outputs = 70
  private static let inputs = 200

  struct Kind: CustomTestStringConvertible, Sendable {
    let format: String
    var groupSize = 64
    var scales = ScaleStorage.f16
    var isTwoSided = false
    var testDescription: String {
      "\(format) \(scales.rawValue)\(isTwoSided ? " two scales" : "") \(groupSize)"
    }
  }

  static let kinds = [
    Kind(format: "e2m1"), Kind(format: "e2m1", isTwoSided: true),
    Kind(format: "e1m2", groupSize: 200, isTwoSided: true),
    Kind(format: "e2m1", groupSize: 16, scales: .e4m3),
    Kind(format: "e3m0", scales: .e4m3, isTwoSided: true),
    Kind(format: "lloyd4"), Kind(format: "lloyd4", groupSize: 32, scales: .e4m3),
    Kind(format: "int4"), Kind(format: "fp5.33", groupSize: 200),
    Kind(format: "fp4.25", groupSize: 200),
  ]

  /// A layer of random codes and scales as a packed model's file, with the values that it stands
  /// for.
  private func layer(
    _ kind: Kind, in folder: TemporaryFolder
  ) throws -> (path: String, values: [[Double]], bias: [Float]) {
    let (outputs, inputs) = (PackedLinearTests.outputs, PackedLinearTests.inputs)
    let format = try NumberFormat(kind.format)
    var random = Generator(41)
    let layout = WeightLayout(
      format, .groups(of: kind.groupSize), scales: kind.scales, isTwoSided: kind.isTwoSided)
    var scales = GroupScales(
      layout, rows: outputs, columns: inputs,
      precision: .stored(global: kind.scales == .f16 ? 1 : 0.03))
    func scale() -> Double {
      let magnitude = scales.stored(0.01 + Double(abs(random.signed())))
      return layout.sides == .turnable && random.below(2) == 0 ? -magnitude : magnitude
    }
    scales.all = scales.all.map { _ in
      let own = scale()
      return GroupScales.Group(
        scale: own, negativeScale: kind.isTwoSided ? scale() : own,
        zero: UInt8(layout.hasZeroPoints ? random.below(16) : 0))
    }
    let length = format.sharedBit?.length ?? 1
    var codes: [UInt8] = []
    for _ in 0..<outputs {
      for k in 0..<inputs {
        let code = UInt8(random.below(1 << format.bits))
        // Those of a run end alike.
        codes.append(k % length == 0 ? code : code & ~1 | (codes[codes.count - 1] & 1))
      }
    }
    let values = (0..<outputs).map { n in
      (0..<inputs).map { k in
        let group = scales[row: n, group: k / kind.groupSize]
        let level = Double(format.decode(codes[n * inputs + k])) - Double(group.zero)
        return level * (level < 0 ? group.negativeScale : group.scale)
      }
    }
    let bias = random.floats(outputs)

    var tensors = LayerTensors.tensors(of: scales, layer: "L")
    tensors.append(Tensor(name: "L.bias", dtype: .f32, shape: [outputs], values: bias))
    if let packing = PackedWords(format) {
      tensors.append(
        Tensor(
          name: "L.weight", dtype: .u16, shape: [outputs, packing.width(columns: inputs)],
          values: try packing.pack(codes, rows: outputs, columns: inputs, place: "L")))
    } else {
      tensors.append(
        Tensor(
          name: "L.weight", dtype: .u8, shape: [outputs, inputs / 2],
          values: PackedCodes.packNibbles(codes, rows: outputs, columns: inputs)))
    }
    if layout.hasZeroPoints {
      tensors.append(
        Tensor(
          name: "L.zeros", dtype: .u8, shape: [outputs, (scales.groups + 1) / 2],
          values: PackedCodes.packNibbles(scales.zeros, rows: outputs, columns: scales.groups)))
    }
    let path = try save(
      folder.file("m.safetensors"), tensors, metadata: PackedLinearTests.metadata(layout))
    return (path, values, bias)
  }

  /// Of a packed model whose one layer L is stored as `layout`.
  private static func metadata(_ layout: WeightLayout) -> [String: String] {
    StreamMetadata(
      kind: .packed, model: "m", modelSHA256: "0", history: [],
      settings: [
        "layers": LayerFormats(["L": LayerFormats.Entry(layout)]).json, "activations": "none",
        "attention": "none",
      ]
    ).dictionary
  }

  /// Inputs that rounding to `format` leaves alone: its own integers, with the largest in every
  /// group.
  private func exact(_ format: NumberFormat, tokens: Int) -> Matrix {
    let x = Matrix(rows: tokens, columns: PackedLinearTests.inputs)
    let levels = format.levels().levels
    var random = Generator(43)
    for t in 0..<tokens {
      for k in 0..<x.columns {
        x.row(t)[k] = Float(
          k % 8 == 0 ? levels[levels.count - 1] : levels[random.below(levels.count)])
      }
    }
    return x
  }

  @Test(arguments: kinds, ["none", "e2m3:token", "e2m3:token-group", "int8", "e3m4"])
  func `multiplies by what it stands for`(_ kind: Kind, activations: String) throws {
    let folder = try TemporaryFolder()
    let (path, values, bias) = try layer(kind, in: folder)
    let source = try SafetensorsFile(path)
    let format = try ActivationFormat.parse(activations)
    let linear = try PackedLayout(of: source).linear(
      LayerRole("L", kind: .output), inputs: PackedLinearTests.inputs,
      outputs: PackedLinearTests.outputs,
      activations: .use(format), from: source)
    for tokens in [1, 9] {
      let x = exact(try format?.format ?? NumberFormat("e3m2"), tokens: tokens)
      let y = linear(x)
      for t in 0..<tokens {
        for n in 0..<PackedLinearTests.outputs {
          let products = (0..<x.columns).map { values[n][$0] * Double(x.row(t)[$0]) }
          let expected = products.reduce(Double(bias[n]), +)
          // Each of at most 200 sums, and a few products more, is off by 2^-24 of at most what all
          // terms are together.
          let bound = 210 * 0x1p-24 * products.reduce(abs(Double(bias[n]))) { $0 + abs($1) }
          #expect(abs(Double(y.row(t)[n]) - expected) <= bound, "[\(t)][\(n)]")
        }
      }
    }
  }

  /// A token of two parts has a scale for each: the product is that of the parts by themselves,
  /// rounded with a scale per token, and added up.
  @Test(arguments: ["e2m3:token", "e3m4:token", "int8:token", "e2m5:token", "e4m3:token"])
  func `parts of a token have scales of their own`(_ activations: String) throws {
    let format = try #require(try ActivationFormat.parse(activations))
    var random = Generator(43)
    let (tokens, width, outputs) = (5, 96, 12)
    // The second part is a hundred times as large: with one scale, most of the first would be lost.
    let x = Matrix(
      rows: tokens, columns: 2 * width,
      values: (0..<tokens).flatMap { _ in
        random.floats(width) + random.floats(width, range: 100)
      })
    let weights = random.floats(outputs * 2 * width).map { Float(Int($0 * 6)) }
    let weight = Matrix(rows: outputs, columns: 2 * width, values: weights)
    func layer(_ columns: Range<Int>, parts: Int) throws -> Linear {
      // Whole numbers of -6 to 6 that are levels of e2m1, with scales of 1.
      let layout = WeightLayout(try NumberFormat("e2m1"), .groups(of: 32))
      let levels = layout.format.codebook.map { Float($0) }
      let part = weight.copy(columns: columns)
      let codes = part.values.map { value -> UInt8 in
        let nearest = levels.indices.min { abs(levels[$0] - value) < abs(levels[$1] - value) }
        return UInt8(nearest ?? 0)
      }
      var scales = GroupScales(
        layout, rows: outputs, columns: columns.count, precision: .stored(global: 1))
      scales.all = scales.all.map { _ in
        GroupScales.Group(scale: 1, negativeScale: 1, zero: 0)
      }
      let folder = try TemporaryFolder()
      let path = try save(
        folder.file("L"),
        LayerTensors.tensors(of: scales, layer: "L") + [
          Tensor(
            name: "L.weight", dtype: .u8, shape: [outputs, columns.count / 2],
            values: PackedCodes.packNibbles(codes, rows: outputs, columns: columns.count))
        ], metadata: PackedLinearTests.metadata(layout))
      let source = try SafetensorsFile(path)
      return try PackedLayout(of: source).linear(
        LayerRole("L", kind: .skip, parts: parts), inputs: columns.count, outputs: outputs,
        activations: .use(format), from: source)
    }
    let together = try layer(0..<(2 * width), parts: 2)(x)
    let first = try layer(0..<width, parts: 1)(x.copy(columns: 0..<width))
    let second = try layer(width..<(2 * width), parts: 1)(x.copy(columns: width..<(2 * width)))
    let sums = zip(first.values, second.values).map { $0 + $1 }
    let largest = sums.map(abs).max() ?? 0
    // The same integer products, added in another order: a few roundings of f32.
    #expect(largestDifference(together.values, sums) <= largest * 16 * 0x1p-24)
    let oneScale = try layer(0..<(2 * width), parts: 1)(x)
    #expect(largestDifference(oneScale.values, sums) > largest * 1e-4)
  }
}
