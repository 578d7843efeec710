import Formats
import Foundation
import Export
import Platform
import Streams
import Tensors

/// The stage of `fpq-pack`: codes in, a packed model out, as a folder that opens like the original
/// or as one stream.
package struct PackModel {
  /// Codes files, shards of layers; `-`: stdin.
  package var inputs: [String] = ["-"]
  /// A folder, a `.safetensors` file, or `-` for stdout.
  package var output = "-"
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

  package func run() throws {
    let start = Date()
    if let format = try activations.flatMap(ActivationFormat.parse), format.granularity == .static {
      throw Failure(
        "activations \(format): expected token or token-group; static scales come with codes of fpq-greedy"
      )
    }
    _ = try attention.map(AttentionFormat.init)
    let shards = try inputs.map { try CodesFile($0) }
    let codes = try MergedCodes(shards)
    let shared = try sharedActivations(codes)
    let (path, options) = try codes.metadata.model(
      in: codes.path, instead: model, folderOptions)
    let folder = try ModelFolder(path, options)
    let weights = try folder.transformerWeights()
    let sha256 = try SHA256.hex(of: weights)
    guard sha256 == codes.metadata.modelSHA256 else {
      throw Failure(codes.path, "expected codes of \(folder.path), found another model's")
    }
    let attention = try attention ?? codes.metadata.setting("attention", in: codes.path)
    try codes.layers.check(AttentionFormat(attention))
    let metadata = StreamMetadata(
      kind: .packed, model: codes.metadata.model, options: codes.metadata.options,
      modelSHA256: sha256,
      history: codes.metadata.history
        + [
          "fpq-pack" + (shared.map { " --activations \($0)" } ?? "") + " --attention \(attention)"
        ],
      settings: [
        "layers": codes.layers.json, "attention": attention,
        "config": try folder.config("transformer").text,
      ].merging(shared.map { ["activations": $0] } ?? [:]) { own, _ in own })
    let packed = try PackedModel(codes: codes, weights: weights, metadata: metadata)
    if let first = codes.metadata.unused.first {
      Console.say(
        "\(weights.path): tensors that are not used and left out: \(codes.metadata.unused.count), "
          + "first \(first)")
    }
    let written = try Exporters.named(Exporters.usualName(for: output)).write(
      packed, to: Destination(path: output, original: folder, links: links))
    Console.say(try packed.summary())
    for file in written where verifies {
      try file.verify()
      Console.say("\(file.path): verified \(packed.layers.count) layers")
    }
    if isVerbose {
      let seconds = String(format: "%.1f", Date().timeIntervalSince(start))
      Console.say("\(seconds) s, \(Memory.summary)")
    }
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
