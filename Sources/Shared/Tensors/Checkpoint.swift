import Foundation
import Platform

/// The weights of one model part in the published layouts: a folder with one safetensors file, or
/// with an index of shards, each perhaps in several variants.
package final class Checkpoint: TensorSource, Sendable {
  package let path: String
  package let names: [String]
  package let metadata: [String: String]
  package let files: [SafetensorsFile]
  private let home: [String: SafetensorsFile]

  /// Whether `folder` holds weights in one of the layouts.
  package static func isPresent(in folder: String) -> Bool {
    weights(in: folder).contains { $0.kind != .shard }
  }

  /// The variants that `folder` holds beside plain weights.
  package static func variants(in folder: String) -> Set<String> {
    Set(weights(in: folder).filter { $0.kind != .shard }.compactMap(\.variant))
  }

  /// The weights files in `folder` that are not read: those of other variants.
  ///
  /// - Throws: `Failure` when it is not clear which variant is read.
  package static func leftOut(in folder: String, variant: String?) throws -> Set<String> {
    guard isPresent(in: folder) else { return [] }
    let read = try chosen(in: folder, variant: variant).variant
    return Set(weights(in: folder).filter { $0.variant != read }.map(\.name))
  }

  /// Bytes of the files in `folder` without `leftOut`.
  ///
  /// - Throws: as `leftOut` does.
  package static func size(of folder: String, variant: String?) throws -> Int {
    try leftOut(in: folder, variant: variant).reduce(fileSize(folder)) {
      $0 - fileSize("\(folder)/\($1)")
    }
  }

  private static func weights(in folder: String) -> [WeightsName] {
    ((try? folderContents(folder)) ?? []).compactMap(WeightsName.init)
  }

  /// Opens the weights in `folder`: `diffusion_pytorch_model` or `model`, `.safetensors` or
  /// `.safetensors.index.json`.
  ///
  /// - Parameters:
  ///   - folder: of the part.
  ///   - variant: is read where the folder has it; else, and with nil, the plain files are. Without
  ///     either, the only variant that there is.
  /// - Throws: `Failure` naming what is missing, or the variants of which one must be chosen.
  package init(folder: String, variant: String? = nil) throws {
    path = folder
    let chosen = try Checkpoint.chosen(in: folder, variant: variant)
    if chosen.kind == .whole {
      let file = try SafetensorsFile(regular: "\(folder)/\(chosen.name)")
      files = [file]
      home = Dictionary(uniqueKeysWithValues: file.names.map { ($0, file) })
    } else {
      home = try Checkpoint.shards(of: "\(folder)/\(chosen.name)", in: folder)
      var seen: Set<ObjectIdentifier> = []
      files = home.values.filter { seen.insert(ObjectIdentifier($0)).inserted }
        .sorted { $0.path < $1.path }
    }
    names = home.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    metadata = files.count == 1 ? files[0].metadata : [:]
  }

  /// The file or the index that is read.
  private static func chosen(in folder: String, variant: String?) throws -> WeightsName {
    guard FileManager.default.fileExists(atPath: folder) else {
      throw Failure(folder, "expected a folder with weights, found none")
    }
    let contents = try folderContents(folder)
    let all = contents.compactMap(WeightsName.init)
    let found = all.filter { $0.kind != .shard }
    guard !found.isEmpty else { throw noWeights(folder, contents, shards: all) }
    let variants = Set(found.compactMap(\.variant)).sorted()
    let read: String?
    if let variant, variants.contains(variant) {
      read = variant
    } else if found.contains(where: { $0.variant == nil }) {
      read = nil
    } else if variant == nil, variants.count == 1 {
      read = variants[0]
    } else {
      let list = variants.joined(separator: ", ")
      throw Failure(
        folder,
        variant.map { "expected weights of variant \($0) or plain ones, found \(list)" }
          ?? "expected plain weights, found variants \(list); choose with --variant")
    }
    let candidates = found.filter { $0.variant == read }
    for kind in [WeightsName.Kind.whole, .index] {
      for stem in WeightsName.stems {
        if let name = candidates.first(where: { $0.kind == kind && $0.stem == stem }) {
          return name
        }
      }
    }
    preconditionFailure("weights that are neither whole nor listed")
  }

  /// What to say of a folder without weights that can be read.
  private static func noWeights(
    _ folder: String, _ contents: [String], shards: [WeightsName]
  ) -> Failure {
    if let shard = shards.first {
      return Failure(
        folder,
        "expected \(shard.stem).safetensors.index.json beside the shards, as \(shard.name), "
          + "found none")
    }
    let pickles = contents.filter { name in
      [".bin", ".pt", ".pth", ".ckpt"].contains { name.hasSuffix($0) }
    }
    let expected = "expected diffusion_pytorch_model.safetensors or model.safetensors, found"
    guard let pickle = pickles.first else { return Failure(folder, "\(expected) none") }
    let conversion =
      "load the pipeline in Python and write it with save_pretrained(FOLDER, "
      + "safe_serialization=True)"
    return Failure(folder, "\(expected) only \(pickle): \(conversion)")
  }

  /// Opens every file that `index` names; each must hold the tensors that the index says it holds.
  private static func shards(
    of index: String, in folder: String
  ) throws -> [String: SafetensorsFile] {
    let map = try ModelConfig(index)
    guard case .object(let members)? = map.json["weight_map"], !members.isEmpty else {
      let found = map.found("weight_map")
      throw Failure(index, "weight_map: expected tensor names and files, found \(found)")
    }
    var opened: [String: SafetensorsFile] = [:]
    var home: [String: SafetensorsFile] = [:]
    for member in members {
      guard case .string(let name) = member.value, !name.isEmpty, !name.contains("/") else {
        throw Failure(
          index,
          "\(member.key): expected the name of a shard in the same folder, found \(member.value)")
      }
      let shard = try opened[name] ?? SafetensorsFile(regular: "\(folder)/\(name)")
      opened[name] = shard
      // Opens the tensor, which also refuses one that no array can hold.
      _ = try shard.tensor(member.key)
      home[member.key] = shard
    }
    return home
  }

  package func find(_ name: String) -> Tensor? { home[name]?.find(name) }
}
