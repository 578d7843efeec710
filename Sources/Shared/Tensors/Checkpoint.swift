import Foundation
import Platform

/// The weights of one model part in the published layouts: a folder with one safetensors file, or with an index of shards.
package final class Checkpoint: TensorSource {
  package let path: String
  package let names: [String]
  package let metadata: [String: String]
  package let files: [SafetensorsFile]
  private let home: [String: SafetensorsFile]

  /// Opens the weights in `folder`: `diffusion_pytorch_model` or `model`, `.safetensors` or `.safetensors.index.json`.
  package init(folder: String) throws {
    path = folder
    let stems = ["diffusion_pytorch_model", "model"]
    let single = stems.map { "\(folder)/\($0).safetensors" }
      .first { FileManager.default.fileExists(atPath: $0) }
    let index = stems.map { "\(folder)/\($0).safetensors.index.json" }
      .first { FileManager.default.fileExists(atPath: $0) }
    var home: [String: SafetensorsFile] = [:]
    if let single {
      files = [try SafetensorsFile(single)]
      for name in files[0].names { home[name] = files[0] }
    } else if let index {
      let map = try ModelConfig(index)
      guard case .object(let members)? = map.json["weight_map"] else {
        throw Failure(index, "weight_map: expected an object")
      }
      var opened: [String: SafetensorsFile] = [:]
      for member in members {
        guard case .string(let name) = member.value, !name.contains("/") else {
          throw Failure(index, "\(member.key): expected the name of a shard")
        }
        let shard = try opened[name] ?? SafetensorsFile("\(folder)/\(name)")
        opened[name] = shard
        guard shard.find(member.key) != nil else {
          throw Failure(shard.path, "expected tensor \(member.key), found none")
        }
        home[member.key] = shard
      }
      files = opened.keys.sorted().compactMap { opened[$0] }
    } else {
      throw Failure(
        folder, "expected \(stems.map { "\($0).safetensors" }.joined(separator: " or "))")
    }
    self.home = home
    names = home.keys.sorted()
    metadata = files.count == 1 ? files[0].metadata : [:]
  }

  package func find(_ name: String) -> Tensor? { home[name]?.find(name) }
}
