import Foundation
import Platform
import Tensors

/// A packed model folder in the making: the weights of some parts replaced, the original's other
/// parts copied or linked.
///
/// It is built under a temporary name beside the target and renamed when whole, so that a folder
/// that can be seen is complete. A link to a folder is followed. Links inside the original are too:
/// a copy needs the original no more.
package final class PackedFolder {
  /// The file of the weights of `part`, under the name that diffusers and transformers give it.
  package static func weightsName(_ part: String) -> String {
    let isTransformer = part == ModelFolder.transformerPart
    return "\(part)/\(isTransformer ? "diffusion_pytorch_model" : "model").safetensors"
  }

  /// Bytes of a part that are not copied without a word.
  private static let large = 1 << 30

  /// As the user gave it.
  private let name: String
  /// Where the folder comes to stand.
  private let target: String
  private let temporary: String
  private let original: ModelFolder
  private let links: Bool
  private var committed = false
  /// What an interrupt must remove.
  private var slots: [Int32] = []

  /// Where the file `name` is to be written.
  package func path(of name: String) -> String { "\(temporary)/\(name)" }

  /// - Throws: `Failure` when `target` exists as anything but an earlier packed folder or an empty
  ///   one, or cannot be written.
  package init(
    _ target: String, packed: [String], original: ModelFolder, links: Bool
  ) throws {
    name = target.count > 1 && target.hasSuffix("/") ? String(target.dropLast()) : target
    self.target = OutputFile.followingLinks(name)
    temporary = "\(self.target).\(ProcessInfo.processInfo.processIdentifier).part"
    (self.original, self.links) = (original, links)
    try PackedFolder.checkReplaceable(self.target, original: original, name: name)
    do {
      try makeFolder(temporary)
      for part in packed {
        try makeFolder("\(temporary)/\(part)")
        try copy("\(original.folder(part))/config.json", to: "\(part)/config.json")
      }
      try writeIndex()
      for part in original.allParts where !packed.contains(part) { try place(part) }
    } catch {
      discard()
      throw error
    }
  }

  /// - Throws: `Failure` when something at `target` would be lost.
  private static func checkReplaceable(
    _ target: String, original: ModelFolder, name: String
  ) throws {
    let files = FileManager.default
    guard files.fileExists(atPath: target) else { return }
    func resolved(_ path: String) -> URL {
      URL(fileURLWithPath: path).resolvingSymlinksInPath()
    }
    let originals = [
      original.path, original.folder(ModelFolder.transformerPart), original.options.base,
    ]
    guard !originals.compactMap(\.self).map(resolved).contains(resolved(target)) else {
      throw Failure(name, "expected another folder than the original model")
    }
    let contents = try folderContents(target)
    guard !contents.isEmpty else { return }
    guard let earlier = try? ModelFolder(target), isPacked(earlier) else {
      throw Failure(name, "expected an earlier packed model to replace or a new name, found others")
    }
    let own = Set(earlier.allParts + ["model_index.json"])
    if let other = contents.first(where: { !own.contains($0) }) {
      throw Failure(name, "expected an earlier packed model alone, found \(other) beside it")
    }
  }

  /// Whether the folder of some part holds what is written here and nothing else.
  private static func isPacked(_ folder: ModelFolder) -> Bool {
    folder.allParts.contains { part in
      let weights = URL(fileURLWithPath: weightsName(part)).lastPathComponent
      guard (try? folderContents(folder.folder(part))) == ["config.json", weights] else {
        return false
      }
      return (try? folder.weights(part))?.metadata["fpq.kind"] == "packed"
    }
  }

  private func makeFolder(_ path: String) throws {
    slots.append(Interrupt.remember(path))
    guard mkdir(path, 0o777) == 0 else { throw cannotBeWritten() }
  }

  /// The original's index; where the parts come from two folders it is made to fit both.
  private func writeIndex() throws {
    let (index, key) = (original.index, ModelFolder.transformerPart)
    guard case .object(var members) = index.json else { return }
    let isListed = original.parts.contains(key)
    if isListed, try index.string("_class_name") == original.pipelineClass {
      return try copy(index.path, to: "model_index.json")
    }
    members.removeAll { $0.key == "_class_name" || ($0.key == key && !isListed) }
    members.insert(.init(key: "_class_name", value: .string(original.pipelineClass)), at: 0)
    if !isListed {
      let name = try original.config(key).string("_class_name") ?? "Transformer2DModel"
      members.append(.init(key: key, value: .array([.string("diffusers"), .string(name)])))
    }
    slots.append(Interrupt.remember("\(temporary)/model_index.json"))
    let output = try OutputFile("\(temporary)/model_index.json")
    try output.write(Array(JSON.object(members).compact.utf8))
    try output.commit()
  }

  /// Copies what the file `source` holds, also where it is a link.
  private func copy(_ source: String, to name: String) throws {
    slots.append(Interrupt.remember("\(temporary)/\(name)"))
    let input = try InputFile(regular: source, kind: "a file of the model")
    defer { input.finish() }
    let output = try OutputFile("\(temporary)/\(name)")
    while true {
      let piece = try input.readPiece(atMost: 1 << 20)
      if piece.isEmpty { break }
      try piece.withUnsafeBytes { try output.write($0) }
    }
    try output.commit()
  }

  /// Copies or links a part, without the weights that the original would not read: the result opens
  /// without `--variant`.
  private func place(_ part: String) throws {
    let folder = original.folder(part)
    let leftOut = try Checkpoint.leftOut(in: folder, variant: original.options.variant)
    if links, leftOut.isEmpty { return try link(folder, as: part) }
    let size = try Checkpoint.size(of: folder, variant: original.options.variant)
    if !links, size > PackedFolder.large {
      let packs = part.hasPrefix("text_encoder") ? ", fpq-stats --part \(part) packs it" : ""
      Console.say(
        String(
          format: "copying %@, %.1f GB: --link links it instead%@", part, Double(size) / 1e9, packs)
      )
    }
    try place(folder, as: part, leavingOut: leftOut)
  }

  /// Copies or links the file or folder `source`, file by file, so that an interrupt can remove
  /// each.
  private func place(_ source: String, as name: String, leavingOut: Set<String> = []) throws {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: source, isDirectory: &isFolder)
    guard exists, isFolder.boolValue else {
      return links ? try link(source, as: name) : try copy(source, to: name)
    }
    try makeFolder("\(temporary)/\(name)")
    for child in try folderContents(source) where !leavingOut.contains(child) {
      try place("\(source)/\(child)", as: "\(name)/\(child)")
    }
  }

  private func link(_ source: String, as name: String) throws {
    slots.append(Interrupt.remember("\(temporary)/\(name)"))
    let path = URL(fileURLWithPath: source).standardizedFileURL.path
    guard symlink(path, "\(temporary)/\(name)") == 0 else { throw cannotBeWritten() }
  }

  private func cannotBeWritten() -> Failure {
    Failure(name, "cannot be written: \(systemReason())")
  }

  private func discard() {
    try? FileManager.default.removeItem(atPath: temporary)
    slots.forEach(Interrupt.forget)
    slots = []
  }

  package func commit() throws {
    let old = "\(temporary).old"
    let replaces = FileManager.default.fileExists(atPath: target)
    guard !replaces || rename(target, old) == 0, rename(temporary, target) == 0 else {
      throw cannotBeWritten()
    }
    committed = true
    slots.forEach(Interrupt.forget)
    if replaces { try? FileManager.default.removeItem(atPath: old) }
  }

  deinit {
    if !committed { discard() }
  }
}
