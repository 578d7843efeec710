import Formats
import Foundation
import Export
import Platform
import Streams
import Tensors

/// The stage of `fpq-pack`: codes in, packed parts of a model out, as a folder that opens like the
/// original or as one stream.
package struct PackModel {
  /// Codes files, shards of layers; `-`: stdin.
  package var inputs: [String] = ["-"]
  /// A folder, a `.safetensors` file, or `-` for stdout.
  package var output = "-"
  /// What the arguments name.
  package var files = RunFiles()
  /// The model folder, instead of where the statistics were taken.
  package var model: String?
  package var folderOptions = ModelFolder.Options()
  /// The activation format that the packed model asks for, `e2m3:token-group` unless given; not for
  /// layers that have their own.
  package var activations: String?
  /// What the packed model rounds query, key and value to; nil: what the recipe asks for.
  package var attention: String?
  /// Link the other parts of a folder instead of copying them.
  package var links = false
  package var verifies = false
  package var isVerbose = false

  package init() {}

  /// Whether `output` names a stream and not a folder.
  package static func writesStream(_ output: String) -> Bool {
    Exporters.usualName(for: output) == "stream"
  }

  package func run() throws {
    let start = Date()
    if let format = try activations.flatMap(ActivationFormat.parse), format.granularity == .static {
      throw Failure(
        "activations \(format): expected token or token-group; static scales come with codes of fpq-greedy"
      )
    }
    _ = try attention.map(AttentionFormat.init)
    let (parts, folder) = try open()
    try plan(parts, of: folder).check()
    let packed = try parts.map { try pack($0, of: folder) }
    let written = try exporter.write(packed, to: destination(folder))
    for model in packed { Console.say(try model.summary()) }
    for (file, model) in zip(written, packed) where verifies {
      try file.verify()
      Console.say("\(file.path): verified \(model.layers.count) layers")
    }
    if isVerbose {
      let seconds = String(format: "%.1f", Date().timeIntervalSince(start))
      Console.say("\(seconds) s, \(Memory.summary)")
    }
  }

  /// The codes of each part, and the model that they are of.
  ///
  /// - Throws: `Failure` also for what could not be written in the end.
  func open() throws -> (parts: [MergedCodes], folder: ModelFolder) {
    let exporter = try exporter
    try exporter.check(output)
    let all = try inputs.map { try CodesFile($0) }
    let parts = try Dictionary(grouping: all, by: \.metadata.part)
      .sorted { $0.key < $1.key }.map { try MergedCodes($0.value) }
    let folder = try modelFolder(of: parts)
    try files.check(notAmong: folder.files, of: "--model")
    try exporter.check(parts.map(\.metadata.part), to: destination(folder))
    for codes in parts { _ = try formats(of: codes) }
    return (parts, folder)
  }

  private var exporter: any Exporter {
    get throws { try Exporters.named(Exporters.usualName(for: output)) }
  }

  private func destination(_ original: ModelFolder) -> Destination {
    Destination(path: output, original: original, links: links)
  }

  /// The float weights that `codes` are of.
  func weights(of codes: MergedCodes, _ folder: ModelFolder) throws -> Checkpoint {
    codes.metadata.part == ModelFolder.transformerPart
      ? try folder.transformerWeights() : try folder.weights(codes.metadata.part)
  }

  /// The float model of all codes.
  private func modelFolder(of parts: [MergedCodes]) throws -> ModelFolder {
    let first = parts[0]
    for other in parts where model == nil && other.metadata.model != first.metadata.model {
      throw Failure(
        other.path,
        "expected a part of \(first.metadata.model), found one of \(other.metadata.model); if they "
          + "are the same, name it with --model")
    }
    let (path, options) = try first.metadata.model(
      in: first.path, instead: model, folderOptions)
    return try ModelFolder(path, options)
  }

  private func pack(_ codes: MergedCodes, of folder: ModelFolder) throws -> PackedModel {
    let part = codes.metadata.part
    let isTransformer = part == ModelFolder.transformerPart
    let weights = try weights(of: codes, folder)
    let sha256 = try SHA256.hex(of: weights)
    guard sha256 == codes.metadata.modelSHA256 else {
      throw Failure(codes.path, "expected codes of \(folder.path), found another model's")
    }
    let (shared, attention) = try formats(of: codes)
    let words =
      isTransformer
      ? (shared.map { " --activations \($0)" } ?? "") + " --attention \(attention)" : ""
    let metadata = StreamMetadata(
      kind: .packed, part: part, model: codes.metadata.model, options: codes.metadata.options,
      modelSHA256: sha256, history: codes.metadata.history + ["fpq-pack" + words],
      settings: [
        "layers": codes.layers.json, "attention": attention,
        "config": try folder.config(part).text,
      ].merging(shared.map { ["activations": $0] } ?? [:]) { own, _ in own })
    let packed = try PackedModel(codes: codes, weights: weights, metadata: metadata)
    if let first = codes.metadata.unused.first {
      Console.say(
        "\(weights.path): tensors that are not used and left out: \(codes.metadata.unused.count), "
          + "first \(first)")
    }
    return packed
  }

  /// What the packed part rounds inputs to that have no format of their own, and query, key and
  /// value.
  private func formats(
    of codes: MergedCodes
  ) throws -> (activations: String?, attention: String) {
    let isTransformer = codes.metadata.part == ModelFolder.transformerPart
    // A text encoder runs once a prompt, on a few tokens: reading its weights is what takes time.
    let shared = isTransformer ? try sharedActivations(codes) : "none"
    let own = isTransformer ? attention : AttentionFormat.none.description
    let attention = try own ?? codes.metadata.setting("attention", in: codes.path)
    try codes.layers.check(AttentionFormat(attention))
    return (shared, attention)
  }

  /// The activation format of layers that have none of their own; nil when all have.
  ///
  /// - Throws: `Failure` when the user asks for one and no layer would take it.
  private func sharedActivations(_ codes: MergedCodes) throws -> String? {
    guard codes.layers.haveOwnActivations else { return activations ?? "e2m3:token-group" }
    guard activations == nil else {
      let own = Set(codes.layers.entries.values.compactMap(\.activations))
      let formats = own.sorted().joined(separator: ", ")
      throw Failure(
        codes.path,
        "expected no --activations for layers with formats of their own (\(formats)); dit-run --activations overrides them"
      )
    }
    return nil
  }
}
