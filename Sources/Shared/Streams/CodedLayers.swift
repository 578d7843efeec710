import Formats
import Foundation
import Platform
import Tensors

/// Rounded layers as a codes stream holds them: just made, or of an earlier stream.
package struct CodedLayers {
  package private(set) var formats: [String: LayerFormats.Entry] = [:]
  /// The relative output errors of each layer, `nearest,rounded` in six digits.
  fileprivate var errors: [String: String] = [:]
  /// All tensors, by their names; what the layers of a site share stands there once.
  fileprivate var tensors: [String: Tensor] = [:]

  /// None.
  package init() {}

  /// By their names.
  package init(_ layers: [String: CodedLayer]) {
    for (name, layer) in layers {
      formats[name] = layer.entry
      errors[name] = String(format: "%.6g,%.6g", layer.errors.nearest, layer.errors.rounded)
      for tensor in layer.tensors(layer: name) + layer.siteTensors { tensors[tensor.name] = tensor }
    }
  }

  /// All that `file` has.
  ///
  /// - Throws: `Failure` for errors in its metadata that are none.
  package init(of file: CodesFile) throws {
    formats = file.layers.entries
    tensors = Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0) })
    let place = "\(file.path): fpq.errors"
    for (name, figures) in try JSON.object(
      file.metadata.setting("errors", in: file.path), place: place)
    {
      guard case .array(let pair) = figures, pair.count == 2 else {
        throw Failure("\(place): \(name)", "expected two errors")
      }
      errors[name] = pair.map(\.compact).joined(separator: ",")
    }
  }

  /// Adds those of `other`, whose layers are others.
  package mutating func add(_ other: CodedLayers) {
    formats.merge(other.formats) { own, _ in own }
    errors.merge(other.errors) { own, _ in own }
    tensors.merge(other.tensors) { own, _ in own }
  }
}

extension CodesFile {
  /// Writes `layers` to `output` and commits it.
  ///
  /// - Parameters:
  ///   - layers: what was rounded.
  ///   - planned: every layer the recipe quantizes.
  ///   - attention: how the recipe rounds query, key and value.
  ///   - history: one line per stage so far.
  ///   - model: the metadata of the statistics, for the model's name and digest.
  ///   - others: further settings.
  ///   - output: where to.
  /// - Throws: `Failure` when it cannot be written.
  package static func write(
    _ layers: CodedLayers, planned: [String], attention: AttentionFormat, history: [String],
    model: StreamMetadata, others: [String: String] = [:], to output: OutputFile
  ) throws {
    let errors = layers.errors.sorted { $0.key < $1.key }.map {
      "\(JSON.quote($0.key)):[\($0.value)]"
    }
    let metadata = StreamMetadata(
      kind: .codes, part: model.part, model: model.model, options: model.options,
      unused: model.unused, modelSHA256: model.modelSHA256, history: history,
      settings: others.merging([
        "layers": LayerFormats(layers.formats).json, "planned": planned.joined(separator: "\n"),
        "attention": attention.description, "errors": "{\(errors.joined(separator: ","))}",
      ]) { _, own in own })
    try SafetensorsWriter.write(
      layers.tensors.values.map { SafetensorsWriter.Entry($0) }, metadata: metadata.dictionary,
      to: output)
    try output.commit()
  }
}
