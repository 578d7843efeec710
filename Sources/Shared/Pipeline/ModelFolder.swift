import Foundation
import Platform
import Tensors

/// A text-to-image model in the diffusers folder layout: `model_index.json` beside one folder for each part.
package struct ModelFolder: Sendable {
  /// The pipelines this program runs.
  package enum Family: String, Sendable, CaseIterable {
    case pixartAlpha = "PixArtAlphaPipeline"
    case pixartSigma = "PixArtSigmaPipeline"

    /// Tokens of a padded prompt, `max_sequence_length` of the pipeline in diffusers.
    package var promptLength: Int { self == .pixartAlpha ? 120 : 300 }
  }

  /// The parts a pipeline has, by their folder names.
  package static let parts = ["scheduler", "text_encoder", "tokenizer", "transformer", "vae"]

  package let path: String
  package let family: Family

  /// Reads `model_index.json` in `path`.
  ///
  /// - Throws: `Failure` when it is missing or names a pipeline that this program does not run.
  package init(_ path: String) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue
    else { throw Failure(path, "expected a model folder, found none") }
    let index = try ModelConfig("\(path)/model_index.json")
    let name = try index.choice(
      "_class_name", of: Family.allCases.map(\.rawValue), default: "none")
    self.path = path
    family = Family(rawValue: name) ?? .pixartAlpha
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
