import Foundation
import Platform

/// A text-to-image model in the diffusers folder layout: `model_index.json` beside one folder for
/// each part, or a transformer in one folder and the other parts in another.
package struct ModelFolder: Sendable {
  /// What a user can say of a model beside the path of its folder.
  package struct Options: Equatable, Sendable {
    /// The folder of all parts but the transformer; nil: the model's own.
    package var base: String?
    /// The pipeline's class in diffusers; nil: as the folders tell.
    package var pipeline: String?
    /// Which weights are read where a part has several (`Checkpoint`).
    package var variant: String?

    package init(base: String? = nil, pipeline: String? = nil, variant: String? = nil) {
      (self.base, self.pipeline, self.variant) = (base, pipeline, variant)
    }

    /// With what `other` says where nothing is said here.
    package func completed(by other: Options) -> Options {
      Options(
        base: base ?? other.base, pipeline: pipeline ?? other.pipeline,
        variant: variant ?? other.variant)
    }
  }

  /// The part that predicts noise.
  package static let transformerPart = "transformer"

  /// As the user gave it.
  package let path: String
  package let options: Options
  /// The pipeline's class in diffusers.
  package var pipelineClass: String
  /// Whether that class is only what the index beside the other parts says.
  package let borrowsPipeline: Bool
  /// The folders of its parts, as `model_index.json` lists them; ascending.
  package let parts: [String]
  /// `model_index.json`, beside the parts.
  package let index: ModelConfig
  /// The transformer's settings where they came with its weights, in a packed file.
  package var transformerConfig: ModelConfig?
  /// Of the transformer; nil: there is none.
  private let transformer: String?
  /// What holds the other parts.
  private let others: String

  /// Reads `model_index.json` in `path`, or in the base where `options` has one.
  ///
  /// - Throws: `Failure` when it is missing or names no pipeline, and for a variant that no part
  ///   has.
  package init(_ path: String, _ options: Options = Options()) throws {
    let own = try ModelFolder.hasIndex(path)
    transformer = ModelFolder.transformer(in: path)
    others = options.base ?? path
    if transformer == nil || options.base != nil {
      try ModelFolder.requireModel(others)
    } else if !own {
      throw Failure(
        path,
        "expected model_index.json and the parts it lists, found only a transformer; "
          + "name the folder of the other parts with --base")
    }
    index = try ModelConfig("\(others)/model_index.json")
    let naming = own ? try ModelConfig("\(path)/model_index.json") : index
    guard let name = try options.pipeline ?? naming.string("_class_name") else {
      throw Failure(naming.path, "_class_name: expected a pipeline of diffusers, found none")
    }
    self.path = path
    self.options = options
    pipelineClass = name
    borrowsPipeline = !own && options.pipeline == nil
    parts = try ModelFolder.parts(in: index)
    if let variant = options.variant { try checkVariant(variant) }
  }

  /// A part is its library and class; [null, null] is one that the pipeline can do without.
  private static func parts(in index: ModelConfig) throws -> [String] {
    guard case .object(let members) = index.json else {
      throw Failure(index.path, "expected an object")
    }
    return try members.compactMap { member in
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

  private func checkVariant(_ variant: String) throws {
    let found = Set(allParts.flatMap { Checkpoint.variants(in: folder($0)) })
    guard !found.contains(variant) else { return }
    let others = found.sorted().joined(separator: ", ")
    throw Failure(
      path, "expected weights of variant \(variant), found \(others.isEmpty ? "none" : others)")
  }

  /// Its parts, ascending: those of the index, and the transformer wherever it lies.
  package var allParts: [String] { Set(parts + [ModelFolder.transformerPart]).sorted() }

  /// The folder of one part.
  package func folder(_ part: String) -> String {
    part == "transformer" ? transformer ?? "\(path)/\(part)" : "\(others)/\(part)"
  }

  package func config(_ part: String, file: String = "config.json") throws -> ModelConfig {
    if part == "transformer", let transformerConfig { return transformerConfig }
    return try ModelConfig("\(folder(part))/\(file)")
  }

  /// How many tokens the text encoder `part` knows, where its configuration says so.
  package func vocabulary(_ part: String) -> Int? {
    try? config(part).size("vocab_size")
  }

  /// Adds what is read of `parts` to a plan.
  package func read(_ parts: [String], in plan: inout RunPlan) throws {
    for part in parts {
      let files = try weights(part).files.map(\.path)
      plan.reads(folder(part), bytes: files.reduce(0) { $0 + fileSize($1) }, "")
    }
  }

  /// The weights of one part.
  package func weights(_ part: String) throws -> Checkpoint {
    try Checkpoint(folder: folder(part), variant: options.variant)
  }

  /// The transformer's weights: float as published, or packed.
  ///
  /// - Throws: `Failure` when there are none, and for a LoRA that is not fused, whose layers have
  ///   other names and other weights than those that run.
  package func transformerWeights() throws -> Checkpoint {
    guard transformer != nil else {
      throw Failure(
        path,
        "expected a transformer, found none; name its folder with --model, and the folder of the "
          + "other parts with --base")
    }
    let weights = try weights("transformer")
    if let layer = weights.names.first(where: { $0.contains(".base_layer.") }) {
      throw Failure(
        "\(weights.path): \(layer)",
        "expected plain weights, found a LoRA of PEFT that is not fused; in Python: "
          + "pipe.fuse_lora(); pipe.unload_lora_weights(); pipe.save_pretrained(FOLDER)")
    }
    return weights
  }
}

/// What a folder holds.
extension ModelFolder {
  /// Also for a link to nothing, which whoever opens it says.
  private static func exists(_ path: String) -> Bool {
    (try? FileManager.default.attributesOfItem(atPath: path)) != nil
  }

  static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      && isFolder.boolValue
  }

  /// Whether the folder `path` has an index.
  ///
  /// - Throws: `Failure` when it is no folder.
  private static func hasIndex(_ path: String) throws -> Bool {
    guard isFolder(path) else {
      // Whatever is there may also be out of sight.
      _ = try InputFile(regular: path, kind: "a model folder").finish()
      throw Failure(path, "expected a model folder, found a file")
    }
    return exists("\(path)/model_index.json")
  }

  /// The folder of the transformer in `path`: a part of it, or `path` itself.
  private static func transformer(in path: String) -> String? {
    if isFolder("\(path)/transformer") { return "\(path)/transformer" }
    return !exists("\(path)/model_index.json") && exists("\(path)/config.json") ? path : nil
  }

  /// - Throws: `Failure` when `path` has no index, naming the models that lie deeper in it: a hub
  ///   cache keeps them in `models--OWNER--NAME/snapshots/COMMIT`.
  private static func requireModel(_ path: String) throws {
    guard try !hasIndex(path) else { return }
    let below = { (path: String) in
      ((try? folderContents(path)) ?? []).map { "\(path)/\($0)" }
    }
    let models = (below("\(path)/snapshots") + below(path)).filter {
      exists("\($0)/model_index.json") || isFolder("\($0)/transformer")
    }
    guard models.isEmpty else {
      throw Failure(
        path,
        "expected a model folder, found one that holds models: name "
          + models.joined(separator: " or "))
    }
    throw Failure("\(path)/model_index.json", "expected a configuration file, found none")
  }
}
