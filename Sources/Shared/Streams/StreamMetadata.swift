import Foundation
import Platform
import Tensors

/// What flows between two tools, as `fpq.kind` in the metadata of the safetensors stream says.
package enum StreamKind: String, CaseIterable, Sendable {
  case stats, codes, packed

  /// What it is and which tool writes it, for messages.
  fileprivate var title: String {
    switch self {
    case .stats: "stats from fpq-stats"
    case .codes: "codes from fpq-round"
    case .packed: "packed from fpq-pack"
    }
  }
}

/// The `__metadata__` of a stream between two tools: what it is, of which model, and how it came to
/// be.
///
/// Every key starts with `fpq.`. Nothing here depends on the time, the machine, or how the work was
/// split: same inputs, same bytes.
package struct StreamMetadata: Sendable {
  /// The version of the stream layout and of the tools.
  package static let version = "0.1.0"

  package let kind: StreamKind
  /// The part of the model that it is of: `transformer`, or a text encoder, by its folder's name.
  package let part: String
  /// The model folder as the user gave it.
  package let model: String
  /// What the user said beside it, with the pipeline that was found if the parts lie elsewhere.
  package let options: ModelFolder.Options
  /// Tensors of the part that its graph does not read, which no packed model holds.
  package let unused: [String]
  /// SHA-256 of the float part's weights, so that a stage refuses another model's data.
  package let modelSHA256: String
  /// One canonical command line per stage so far.
  package let history: [String]
  /// The stage's own settings and tables: keys without the prefix.
  package let settings: [String: String]

  package init(
    kind: StreamKind, part: String = ModelFolder.transformerPart, model: String,
    options: ModelFolder.Options = ModelFolder.Options(), unused: [String] = [],
    modelSHA256: String, history: [String], settings: [String: String]
  ) {
    (self.kind, self.part) = (kind, part)
    self.model = model
    self.options = options
    self.unused = unused
    self.modelSHA256 = modelSHA256
    self.history = history
    self.settings = settings
  }

  /// Reads the metadata of `source`, which must be a stream of kind `expected`.
  ///
  /// - Throws: `Failure` naming what the file is instead.
  package init(of source: any TensorSource, expected: StreamKind) throws {
    guard let word = source.metadata["fpq.kind"] else {
      throw Failure(source.path, "expected \(expected.title), found another file")
    }
    guard let found = StreamKind(rawValue: word) else {
      let kinds = StreamKind.allCases.map(\.rawValue).joined(separator: " or ")
      throw Failure(source.path, "fpq.kind: expected \(kinds), found \(word)")
    }
    guard found == expected else {
      throw Failure(source.path, "expected \(expected.title), found \(found.title)")
    }
    func required(_ key: String) throws -> String {
      guard let value = source.metadata["fpq.\(key)"] else {
        throw Failure(source.path, "expected fpq.\(key) in the metadata, found none")
      }
      return value
    }
    kind = found
    guard try required("version") == StreamMetadata.version else {
      throw Failure(
        source.path,
        "expected version \(StreamMetadata.version), found \(try required("version"))")
    }
    part = source.metadata["fpq.part"] ?? ModelFolder.transformerPart
    model = try required("model")
    modelSHA256 = try required("model.sha256")
    history = try required("history").split(separator: "\n").map(String.init)
    let said = { (key: String) in source.metadata["fpq.model.\(key)"] }
    options = ModelFolder.Options(
      base: said("base"), pipeline: said("pipeline"), variant: said("variant"))
    unused = try said("unused").map { try JSON.strings($0, place: source.path) } ?? []
    let own: Set = ["fpq.kind", "fpq.version", "fpq.part", "fpq.model", "fpq.history"]
    settings = Dictionary(
      uniqueKeysWithValues: source.metadata.filter {
        $0.key.hasPrefix("fpq.") && !own.contains($0.key) && !$0.key.hasPrefix("fpq.model.")
      }
      .map { (String($0.key.dropFirst(4)), $0.value) })
  }

  /// Refuses data of another part of a model than `part`.
  package func check(part wanted: String, in place: String) throws {
    guard part == wanted else { throw Failure(place, "expected a \(wanted), found a \(part)") }
  }

  /// Whether `source` says that it is a stream of these tools, of a kind that is known or not.
  package static func isStream(_ source: any TensorSource) -> Bool {
    source.metadata["fpq.kind"] != nil
  }

  /// The float model: where it was, or where the user says that it is now, and what is said of it.
  ///
  /// A base and a variant belong to the folder that they were named with.
  ///
  /// - Throws: `Failure` naming the stream `place` when the folder is not there.
  package func model(
    in place: String, instead path: String?, _ given: ModelFolder.Options
  ) throws -> (path: String, options: ModelFolder.Options) {
    guard path != nil || FileManager.default.fileExists(atPath: model) else {
      throw Failure(
        place, "expected its model folder at \(model), found none; name it with --model")
    }
    let known = path == nil ? options : ModelFolder.Options(pipeline: options.pipeline)
    return (path ?? model, given.completed(by: known))
  }

  /// The folder of the parts that a packed transformer is run with.
  ///
  /// - Throws: `Failure` naming the stream `place` when the folder is not there.
  package func parts(
    in place: String, _ given: ModelFolder.Options
  ) throws -> (path: String, options: ModelFolder.Options) {
    let recorded = options.base ?? model
    guard given.base != nil || FileManager.default.fileExists(atPath: recorded) else {
      throw Failure(
        place, "expected its model folder at \(recorded), found none; name it with --base")
    }
    var all = given.completed(by: options)
    if given.base != nil { all.variant = given.variant }
    all.base = nil
    return (given.base ?? recorded, all)
  }

  /// The value under `key`.
  ///
  /// - Throws: `Failure` naming `place` when there is none.
  package func setting(_ key: String, in place: String) throws -> String {
    guard let value = settings[key] else {
      throw Failure(place, "expected fpq.\(key) in the metadata, found none")
    }
    return value
  }

  /// The key-value pairs to write.
  package var dictionary: [String: String] {
    var pairs = [
      "fpq.kind": kind.rawValue, "fpq.version": StreamMetadata.version, "fpq.model": model,
      "fpq.model.sha256": modelSHA256, "fpq.history": history.joined(separator: "\n"),
    ]
    if part != ModelFolder.transformerPart { pairs["fpq.part"] = part }
    pairs["fpq.model.base"] = options.base
    pairs["fpq.model.pipeline"] = options.pipeline
    pairs["fpq.model.variant"] = options.variant
    if !unused.isEmpty { pairs["fpq.model.unused"] = JSON.list(unused) }
    for (key, value) in settings { pairs["fpq.\(key)"] = value }
    return pairs
  }
}
