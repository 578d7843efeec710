import Formats
import Foundation
import Platform
import Tensors

/// A codes stream: per layer `L` the tensors `L.codes` U8 [N][K] (one code a byte), `L.scales` F16 [N][groups], for asymmetric
/// formats `L.zeros` U8 [N][groups], and `L.bias_correction` F32 [N]; formats, planned layers and losses in the metadata.
package final class CodesFile {
  package let path: String
  package let metadata: StreamMetadata
  package let layers: LayerFormats
  /// Every layer the recipe quantizes, of which this file may hold only some.
  package let planned: [String]
  private let source: SafetensorsFile

  /// Opens `path` (`-`: stdin) and checks the shapes of every layer's tensors.
  package init(_ path: String) throws {
    source = try SafetensorsFile(path)
    self.path = source.path
    metadata = try StreamMetadata(of: source, expected: .codes)
    layers = try LayerFormats(
      json: metadata.setting("layers", in: source.path), place: source.path)
    planned = try metadata.setting("planned", in: source.path).split(separator: "\n")
      .map(String.init)
    for layer in layers.entries.keys.sorted() { _ = try self.layer(layer) }
  }

  /// One layer's tensors, views of the file.
  package struct Layer {
    package let codes: Tensor
    package let scales: Tensor
    package let zeros: Tensor?
    package let biasCorrection: Tensor
    package let format: NumberFormat
    package let groupSize: Int

    package var outputs: Int { codes.shape[0] }
    package var inputs: Int { codes.shape[1] }
    package var groups: Int { scales.shape[1] }
  }

  /// - Throws: `Failure` naming the tensor that is missing or does not fit.
  package func layer(_ name: String) throws -> Layer {
    guard let entry = layers.entries[name] else {
      throw Failure(path, "expected layer \(name), found none")
    }
    let codes = try source.tensor("\(name).codes")
    guard codes.shape.count == 2, codes.dtype == .u8 else {
      throw Failure(codes.place, "expected U8 [N, K], found \(codes.dtype.rawValue) \(codes.shape)")
    }
    let (outputs, inputs) = (codes.shape[0], codes.shape[1])
    let groups = (inputs + entry.groupSize - 1) / entry.groupSize
    func tensor(_ suffix: String, _ dtype: DType, _ shape: [Int]) throws -> Tensor {
      let found = try source.tensor("\(name).\(suffix)", shape: shape)
      guard found.dtype == dtype else {
        throw Failure(found.place, "expected \(dtype.rawValue), found \(found.dtype.rawValue)")
      }
      return found
    }
    guard codes.bytes.allSatisfy({ $0 < 1 << entry.format.bits }) else {
      throw Failure(codes.place, "expected codes below \(1 << entry.format.bits)")
    }
    let zeros = entry.format.isAsymmetric ? try tensor("zeros", .u8, [outputs, groups]) : nil
    if let zeros, !zeros.bytes.allSatisfy({ $0 < 16 }) {
      throw Failure(zeros.place, "expected zero points below 16")
    }
    let correction = try tensor("bias_correction", .f32, [outputs])
    for values in [try tensor("scales", .f16, [outputs, groups]), correction]
    where try !values.floats().allSatisfy(\.isFinite) {
      throw Failure(values.place, "expected finite numbers, found NaN or infinity")
    }
    return Layer(
      codes: codes, scales: try tensor("scales", .f16, [outputs, groups]), zeros: zeros,
      biasCorrection: correction, format: entry.format, groupSize: entry.groupSize)
  }

  /// Writes `layers` to `output` and commits it.
  ///
  /// - Parameters:
  ///   - layers: what this run rounded.
  ///   - planned: every layer the recipe quantizes.
  ///   - history: one line a stage so far.
  ///   - model: the metadata of the statistics, for the model's name and digest.
  ///   - output: where to.
  /// - Throws: `Failure` when it cannot be written.
  static func write(
    _ layers: [String: RoundedLayer], planned: [String], history: [String], model: StreamMetadata,
    to output: OutputFile
  ) throws {
    let formats = LayerFormats(
      layers.mapValues {
        .init(format: $0.quantized.format, groupSize: $0.quantized.groupSize)
      })
    let metadata = StreamMetadata(
      kind: .codes, model: model.model, modelSHA256: model.modelSHA256, history: history,
      settings: [
        "layers": formats.json, "planned": planned.joined(separator: "\n"),
        "errors": CodesFile.errorTable(layers),
      ])
    let entries = layers.flatMap { CodesFile.entries(of: $1, layer: $0) }
    try SafetensorsWriter.write(entries, metadata: metadata.dictionary, to: output)
    try output.commit()
  }

  private static func entries(
    of layer: RoundedLayer, layer name: String
  ) -> [SafetensorsWriter.Entry] {
    let quantized = layer.quantized
    let (rows, groups) = (quantized.rows, quantized.groups)
    func tensor(_ suffix: String, _ dtype: DType, _ shape: [Int], _ values: [some BitwiseCopyable])
      -> SafetensorsWriter.Entry
    {
      .init(Tensor(name: "\(name).\(suffix)", dtype: dtype, shape: shape, values: values))
    }
    var entries = [
      tensor("codes", .u8, [rows, quantized.columns], quantized.codes),
      tensor("scales", .f16, [rows, groups], quantized.scales),
      tensor(
        "bias_correction", .f32, [rows],
        layer.biasCorrection ?? Array(repeating: Float(0), count: rows)),
    ]
    if quantized.format.isAsymmetric {
      entries.append(tensor("zeros", .u8, [rows, groups], quantized.zeros))
    }
    return entries
  }

  /// The relative output error of each layer, nearest and as rounded, as JSON.
  private static func errorTable(_ layers: [String: RoundedLayer]) -> String {
    let members = layers.sorted { $0.key < $1.key }.map { name, layer in
      let report = layer.report
      let figures = String(format: "%.6g,%.6g", report.errorBefore, report.errorAfter)
      return "\(JSON.quote(name)):[\(figures)]"
    }
    return "{\(members.joined(separator: ","))}"
  }
}
