import Foundation
import Platform

/// The weights of one model part in the published layouts: a folder with one safetensors file, or
/// with an index of shards.
package final class Checkpoint: TensorSource, Sendable {
  package let path: String
  package let names: [String]
  package let metadata: [String: String]
  package let files: [SafetensorsFile]
  private let home: [String: SafetensorsFile]

  /// The names in use, in the order they are looked for: diffusers' and transformers', then
  /// half-precision variants.
  private static let layouts: [(file: String, index: String)] =
    ["diffusion_pytorch_model", "model"].map {
      ("\($0).safetensors", "\($0).safetensors.index.json")
    }
    + ["diffusion_pytorch_model", "model"].flatMap {
      [
        ("\($0).fp16.safetensors", "\($0).fp16.safetensors.index.json"),
        ("\($0).fp16.safetensors", "\($0).safetensors.index.fp16.json"),
      ]
    }

  /// Whether `folder` holds weights in one of the layouts.
  package static func isPresent(in folder: String) -> Bool {
    layouts.flatMap { [$0.file, $0.index] }
      .contains { FileManager.default.fileExists(atPath: "\(folder)/\($0)") }
  }

  /// Opens the weights in `folder`: `diffusion_pytorch_model` or `model`, `.safetensors` or
  /// `.safetensors.index.json`.
  package init(folder: String) throws {
    path = folder
    let present = { (name: String) in FileManager.default.fileExists(atPath: "\(folder)/\(name)") }
    if let single = Checkpoint.layouts.map(\.file).first(where: present) {
      let file = try SafetensorsFile("\(folder)/\(single)")
      files = [file]
      home = Dictionary(uniqueKeysWithValues: file.names.map { ($0, file) })
    } else if let index = Checkpoint.layouts.map(\.index).first(where: present) {
      home = try Checkpoint.shards(of: "\(folder)/\(index)", in: folder)
      var seen: Set<ObjectIdentifier> = []
      files = home.values.filter { seen.insert(ObjectIdentifier($0)).inserted }
        .sorted { $0.path < $1.path }
    } else {
      throw Failure(
        folder,
        present("")
          ? "expected diffusion_pytorch_model.safetensors or model.safetensors, found none"
          : "expected a folder with weights, found none")
    }
    names = home.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    metadata = files.count == 1 ? files[0].metadata : [:]
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
      let shard = try opened[name] ?? SafetensorsFile("\(folder)/\(name)")
      opened[name] = shard
      // Opens the tensor, which also refuses one that no array can hold.
      _ = try shard.tensor(member.key)
      home[member.key] = shard
    }
    return home
  }

  package func find(_ name: String) -> Tensor? { home[name]?.find(name) }
}
