import Export
import Formats
import Foundation
import Platform
import Streams
import Tensors
import TestSupport
import Testing

/// A container as somebody might add one: the names of all that it is given, a line each, and what
/// the layers' codes mean.
private struct Listing: Exporter {
  let name = "listing"

  func write(_ parts: [PackedModel], to destination: Destination) throws -> [WrittenFile] {
    let model = parts[0]
    var lines: [String] = []
    for layer in model.layers {
      let (layout, scales) = (layer.entry.layout, try layer.tensors.scales.floats())
      let below = try layer.tensors.negativeScales?.floats() ?? scales
      let zeros = layer.tensors.zeros.map { Array($0.bytes) }
      let groups = layout.groups(layer.inputs)
      let values = (0..<(layer.outputs * layer.inputs)).map { index in
        let group = index / layer.inputs * groups + index % layer.inputs / layout.groupSize(1)
        let level =
          Int(layout.format.decode(layer.codes.bytes[index])) - Int(zeros?[group] ?? 0)
        return Float(level) * (level < 0 ? below : scales)[group]
      }
      lines.append("\(layer.name) \(layout.format) \(values) \(layer.bias ?? [])")
      if layer.entry.rank > 0 {
        lines.append("\(layer.name) rank \(layer.tensors.up?.shape ?? [])")
      }
    }
    for (site, tensors) in model.sites.sorted(by: { $0.key < $1.key }) {
      lines.append("\(site): \(tensors.map(\.name).joined(separator: " "))")
    }
    lines += model.others.map { "\($0.name) \($0.dtype.rawValue)" }
    let output = try OutputFile(destination.path)
    try output.write(lines.joined(separator: "\n").utf8)
    try output.commit()
    return []
  }
}

/// Codes and float weights of two layers, packed: as a value, and as what the exporters make of it.
struct ExporterTests {
  private let here: TemporaryFolder
  private let model: PackedModel
  private let original: ModelFolder

  /// Two layers: `a` with two scales for 2 weights, behind site `s`; `b` in int4 in groups of 2 of
  /// 3, with a branch, and without a bias in the float model.
  private static func layers() throws -> [String: CodedLayer] {
    var two = GroupScales(
      WeightLayout(try NumberFormat("e2m1"), .groups(of: 2), isTwoSided: true), rows: 2,
      columns: 2)
    (two.scales, two.negativeScales) = ([0.5, 2], [0.25, 1])
    var pointed = GroupScales(
      WeightLayout(try NumberFormat("int4"), .groups(of: 2)), rows: 1, columns: 3)
    (pointed.scales, pointed.zeros) = ([1, 4], [3, 15])
    var first = LayerFormats.Entry(two.layout)
    first.input = LayerFormats.Input(site: "s")
    var second = LayerFormats.Entry(pointed.layout)
    second.rank = 1
    return [
      // e2m1: code 7 stands for 12, 8 + 4 for -4, 3 for 3, 0 for 0.
      "a": CodedLayer(
        QuantizedMatrix(codes: [7, 12, 3, 0], scales: two), entry: first,
        biasCorrection: [0.5, -1], branch: nil,
        siteTensors: [
          Tensor(name: "s.center", dtype: .f16, shape: [2], values: [Float16](arrayLiteral: 1, 2))
        ],
        errors: (1, 1)),
      "b": CodedLayer(
        QuantizedMatrix(codes: [3, 15, 0], scales: pointed), entry: second, biasCorrection: [7],
        branch: (
          Matrix(rows: 1, columns: 1, values: [2]), Matrix(rows: 1, columns: 3, values: [1, 2, 3])
        ),
        siteTensors: [], errors: (1, 1)),
    ]
  }

  init() throws {
    here = try TemporaryFolder()
    original = try ModelFolder(References.path("pipeline-alpha/pipeline"))
    let source = StreamMetadata(
      kind: .stats, model: "m", modelSHA256: "0", history: [], settings: [:])
    let codes = here.file("codes")
    try CodesFile.write(
      CodedLayers(ExporterTests.layers()), planned: ["a", "b"], attention: .none,
      history: ["fpq-round"],
      model: source, to: OutputFile(codes))
    func floats(_ name: String, _ shape: [Int], _ values: [Float]) -> Tensor {
      Tensor(name: name, dtype: .f32, shape: shape, values: values)
    }
    let weights = try save(
      here.file("weights"),
      [
        floats("a.weight", [2, 2], [1, 2, 3, 4]), floats("a.bias", [2], [10, 20]),
        floats("b.weight", [1, 3], [1, 2, 3]), floats("norm.weight", [1], [0.25]),
        floats("large.weight", [1], [1e30]),
      ])
    let merged = try MergedCodes([CodesFile(codes)])
    model = try PackedModel(
      codes: merged, weights: SafetensorsFile(weights),
      metadata: StreamMetadata(
        kind: .packed, model: "m", modelSHA256: "0", history: [],
        settings: ["layers": merged.layers.json, "activations": "none", "attention": "none"]))
  }

  private func write(_ exporter: any Exporter, _ name: String) throws -> [WrittenFile] {
    try exporter.write(
      [model], to: Destination(path: here.file(name), original: original, links: true))
  }

  @Test func `a container receives all there is`() throws {
    #expect(try write(Listing(), "list").isEmpty)
    let text = try String(contentsOfFile: here.file("list"), encoding: .utf8)
    #expect(
      text == """
        a e2m1 [6.0, -1.0, 6.0, 0.0] [10.5, 19.0]
        b int4 [0.0, 12.0, -60.0] [7.0]
        b rank [1, 1]
        s: s.center
        large.weight BF16
        norm.weight F16
        """)
  }

  /// What each tensor is in bytes, by the layout that `PackedLayout` describes.
  private static let expected: [String: (DType, [Int], [UInt8])] = [
    "a.weight": (.u8, [2, 1], [0xC7, 0x03]),
    "a.scales": (.f16, [2, 1], [0x00, 0x38, 0x00, 0x40]),
    "a.negative_scales": (.f16, [2, 1], [0x00, 0x34, 0x00, 0x3C]),
    "a.bias": (.f32, [2], [0x00, 0x00, 0x28, 0x41, 0x00, 0x00, 0x98, 0x41]),
    "b.weight": (.u8, [1, 2], [0xF3, 0x00]),
    "b.scales": (.f16, [1, 2], [0x00, 0x3C, 0x00, 0x44]),
    "b.zeros": (.u8, [1, 1], [0xF3]),
    "b.up": (.f16, [1, 1], [0x00, 0x40]),
    "b.down": (.f16, [1, 3], [0x00, 0x3C, 0x00, 0x40, 0x00, 0x42]),
    "b.bias": (.f32, [1], [0x00, 0x00, 0xE0, 0x40]),
    "s.center": (.f16, [2], [0x00, 0x3C, 0x00, 0x40]),
    "norm.weight": (.f16, [1], [0x00, 0x34]),
    // 1e30 is 0x7149F2CA in F32.
    "large.weight": (.bf16, [1], [0x4A, 0x71]),
  ]

  @Test(arguments: ["stream", "folder"])
  func `writes every tensor`(container: String) throws {
    let name = container == "stream" ? "packed.safetensors" : "packed"
    #expect(Exporters.usualName(for: here.file(name)) == container)
    let written = try write(Exporters.named(container), name)
    let weights = "packed/transformer/diffusion_pytorch_model.safetensors"
    #expect(
      written.map(\.path) == [here.file(container == "stream" ? name : weights)])
    let file = try SafetensorsFile(written[0].path)
    #expect(Set(file.names) == Set(ExporterTests.expected.keys))
    for (name, (dtype, shape, bytes)) in ExporterTests.expected {
      let found = try file.tensor(name)
      #expect(found.dtype == dtype && found.shape == shape, "\(name)")
      #expect([UInt8](found.bytes) == bytes, "\(name)")
    }
    try PackedLayout(of: file).check(model)
    try written[0].verify()
    if container == "folder" { _ = try ModelFolder(here.file(name)) }
  }

  @Test func `counts the bits that are written`() throws {
    let bits = ExporterTests.expected.reduce(into: (quantized: 0, other: 0)) { sum, tensor in
      let (name, size) = (tensor.key, tensor.value.2.count * 8)
      if name.hasSuffix("bias") || name == "norm.weight" || name == "large.weight" {
        sum.other += size
      } else {
        sum.quantized += size
      }
    }
    #expect(bits.quantized == 232 && bits.other == 128)
    // 7 weights in codes and 8 that count as 16 bits; 11 floats before.
    #expect(
      try model.summary()
        == "2 layers at 33.143 bits per weight, all of the transformer at 24.000; 0.00 MB instead of 0.00 MB"
    )
    #expect(model.floatBytes == 11 * 4)
  }

  @Test func `a flipped byte is seen`() throws {
    let written = try write(Exporters.named("stream"), "packed.safetensors")
    let path = here.file("packed.safetensors")
    let good = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    let data = ExporterTests.expected.values.reduce(0) { $0 + $1.2.count }
    for at in [good.count - data, good.count - 7, good.count - 1] {
      var bad = good
      bad[at] ^= 1
      try here.write("packed.safetensors", bad)
      #expect(throws: Failure.self, "\(at)") { try written[0].verify() }
    }
    // The last bytes before the digests are those of the narrowest type, the last name: b.zeros.
    let table = 32 * (ExporterTests.expected.count + 1)
    var bad = good
    bad[good.count - table - 1] ^= 0x80
    try here.write("packed.safetensors", bad)
    #expect(
      throws: Failure(
        "\(path): b.zeros", "damaged: expected the bytes that were written, found others")
    ) { try written[0].verify() }
    try here.write("packed.safetensors", good)
    try written[0].verify()
  }

  @Test func `a missing tensor and another shape are seen`() throws {
    let written = try write(Exporters.named("stream"), "packed.safetensors")
    let path = here.file("packed.safetensors")
    let tensors = try SafetensorsFile(path).names.map { try SafetensorsFile(path).tensor($0) }
    try save(path, Array(tensors.dropLast()))
    #expect(throws: Failure(path, "expected 13 tensors, found 12")) { try written[0].verify() }
    try save(
      path,
      tensors.map {
        $0.name == "a.weight"
          ? Tensor(name: "a.weight", dtype: .u8, shape: [1, 2], values: [0xC7, 0x03] as [UInt8])
          : $0
      })
    #expect(throws: Failure("\(path): a.weight", "expected what was packed, found something else"))
    {
      try written[0].verify()
    }
  }

  @Test func `destinations and names`() {
    #expect(Exporters.names == ["stream", "folder"])
    #expect(Exporters.usualName(for: "-") == "stream")
    #expect(Exporters.usualName(for: "a/b.safetensors") == "stream")
    #expect(Exporters.usualName(for: "a/b") == "folder")
    #expect(throws: Failure("container gguf: expected one of stream, folder")) {
      try Exporters.named("gguf")
    }
  }
}

extension PackedLayout {
  /// The metadata says of each layer what the value has.
  fileprivate func check(_ model: PackedModel) {
    for layer in model.layers { #expect(layers.entries[layer.name] == layer.entry) }
    #expect(layers.entries.count == model.layers.count)
  }
}
