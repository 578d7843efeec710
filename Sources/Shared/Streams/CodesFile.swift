import Formats
import Foundation
import Platform
import Tensors

/// A codes stream: per layer `L` the tensors `L.codes` U8 [N][K] (one code per byte),
/// `L.bias_correction` F32 [N], and what `LayerTensors` lists; formats, planned layers and losses
/// in the metadata.
package final class CodesFile {
  package let path: String
  package let metadata: StreamMetadata
  package let layers: LayerFormats
  /// Every layer the recipe quantizes, of which this file may hold only some.
  package let planned: [String]
  /// Each layer, checked.
  private let checked: [String: Layer]
  private let source: SafetensorsFile

  /// All tensors, as they lie in the file.
  var tensors: [Tensor] { source.names.compactMap { source.find($0) } }

  /// Opens `path` (`-`: stdin) and checks the shapes of every layer's tensors.
  package init(_ path: String) throws {
    source = try SafetensorsFile(path)
    self.path = source.path
    metadata = try StreamMetadata(of: source, expected: .codes)
    let layers = try LayerFormats(
      json: metadata.setting("layers", in: source.path), place: source.path)
    planned = try metadata.setting("planned", in: source.path).split(separator: "\n")
      .map(String.init)
    let source = source
    checked = Dictionary(
      uniqueKeysWithValues: try layers.entries.sorted { $0.key < $1.key }.map {
        ($0.key, try Layer($0.key, $0.value, from: source))
      })
    self.layers = layers
  }

  /// One layer's tensors, views of the file.
  package struct Layer {
    package let codes: Tensor
    package let tensors: LayerTensors
    package let biasCorrection: Tensor
    package let entry: LayerFormats.Entry

    package var outputs: Int { codes.shape[0] }
    package var inputs: Int { codes.shape[1] }

    /// Finds and checks the tensors of layer `name`.
    ///
    /// - Throws: `Failure` naming the tensor that is missing or does not fit.
    fileprivate init(
      _ name: String, _ entry: LayerFormats.Entry, from source: SafetensorsFile
    ) throws {
      let codes = try source.tensor("\(name).codes")
      guard codes.shape.count == 2, codes.dtype == .u8 else {
        throw Failure(
          codes.place, "expected U8 [N, K], found \(codes.dtype.rawValue) \(codes.shape)")
      }
      let count = 1 << entry.layout.format.bits
      guard codes.bytes.allSatisfy({ $0 < count }) else {
        throw Failure(codes.place, "expected codes below \(count)")
      }
      tensors = try LayerTensors(
        name, entry, outputs: codes.shape[0], inputs: codes.shape[1], isPacked: false, from: source)
      if let zeros = tensors.zeros, !zeros.bytes.allSatisfy({ $0 < 16 }) {
        throw Failure(zeros.place, "expected zero points below 16")
      }
      biasCorrection = try source.tensor("\(name).bias_correction", shape: [codes.shape[0]])
      guard biasCorrection.dtype == .f32 else {
        throw Failure(biasCorrection.place, "expected F32, found \(biasCorrection.dtype.rawValue)")
      }
      guard try biasCorrection.floats().allSatisfy(\.isFinite) else {
        throw Failure(biasCorrection.place, "expected finite numbers, found NaN or infinity")
      }
      (self.codes, self.entry) = (codes, entry)
    }
  }

  /// One of `layers`.
  ///
  /// - Throws: `Failure` when there is none of that name.
  package func layer(_ name: String) throws -> Layer {
    guard let layer = checked[name] else {
      throw Failure(path, "expected layer \(name), found none")
    }
    return layer
  }
}
