import Formats
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
}
