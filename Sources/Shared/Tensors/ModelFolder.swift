import Foundation
import Platform

/// A text-to-image model in the diffusers folder layout: `model_index.json` beside one folder for
/// each part.
package struct ModelFolder: Sendable {
  package let path: String
  /// The pipeline's class in diffusers.
  package let pipelineClass: String
  /// The folders of its parts, as `model_index.json` lists them; ascending.
  package let parts: [String]

  /// Reads `model_index.json` in `path`.
  ///
  /// - Throws: `Failure` when it is missing or names no pipeline.
  package init(_ path: String) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue
    else { throw Failure(path, "expected a model folder, found none") }
    let index = try ModelConfig("\(path)/model_index.json")
    guard let name = try index.string("_class_name") else {
      throw Failure(index.path, "_class_name: expected a pipeline of diffusers, found none")
    }
    self.path = path
    pipelineClass = name
    // A part is its library and class; [null, null] is one that the pipeline can do without.
    guard case .object(let members) = index.json else {
      throw Failure(index.path, "expected an object")
    }
    parts = try members.compactMap { member in
      let part = member.key
      guard case .array(let names) = member.value, names.allSatisfy({ $0.string != nil }) else {
        return nil
      }
      guard !part.isEmpty, !part.hasPrefix("."), !part.contains("/"), !part.contains("\0") else {
        throw Failure(index.path, "expected names of folders, found \(JSON.quote(part))")
      }
      return part
    }.sorted()
  }

  /// The folder of one part.
  package func folder(_ part: String) -> String { "\(path)/\(part)" }

  package func config(_ part: String, file: String = "config.json") throws -> ModelConfig {
    try ModelConfig("\(path)/\(part)/\(file)")
  }

  /// The transformer's weights: float as published, or packed.
  package func transformerWeights() throws -> Checkpoint {
    try Checkpoint(folder: folder("transformer"))
  }
}
