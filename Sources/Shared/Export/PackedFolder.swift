import Foundation
import Platform
import Tensors

/// A packed model folder in the making: the weights of some parts replaced, the original's other
/// parts copied or linked, and a listing of all that.
///
/// It is an `OutputFolder`, so that one that can be seen is complete. Links inside the original are
/// followed: a copy needs the original no more.
package final class PackedFolder {
  /// The file of the weights of `part`, under the name that diffusers and transformers give it.
  package static func weightsName(_ part: String) -> String {
    let isTransformer = part == ModelFolder.transformerPart
    return "\(part)/\(isTransformer ? "diffusion_pytorch_model" : "model").safetensors"
  }

  /// Bytes of a part that are not copied without a word.
  private static let large = 1 << 30

  private let folder: OutputFolder
  private let original: ModelFolder
  private let links: Bool

  /// Where the file `name` is to be written.
  package func path(of name: String) -> String { folder.file(name) }

  /// - Throws: `Failure` when `target` is anything but an earlier packed folder or an empty one, or
  ///   cannot be written.
  package init(
    _ target: String, packed: [String], original: ModelFolder, links: Bool
  ) throws {
    try PackedFolder.check(target)
    try PackedFolder.check(target, apartFrom: original)
    folder = try OutputFolder(target)
    (self.original, self.links) = (original, links)
    for part in packed {
      try folder.makeFolder(part)
      try copy("\(original.folder(part))/config.json", to: "\(part)/config.json")
    }
    try writeIndex()
    for part in original.allParts where !packed.contains(part) { try place(part) }
  }

  /// Refuses a folder that holds anything but what is written here, and one that cannot be made.
  package static func check(_ target: String) throws {
    try OutputFolder.check(target)
    var status = stat()
    guard stat(target, &status) == 0 else { return }
    try FolderListing.check(target, as: target)
  }

  /// Refuses a folder that is the original, or a part of it, or has one in it.
  package static func check(_ target: String, apartFrom original: ModelFolder) throws {
    func resolved(_ path: String) -> String {
      "\(URL(fileURLWithPath: path).resolvingSymlinksInPath().path)/"
    }
    let (own, whole) = (resolved(target), [original.path, original.options.base])
    let parts = original.allParts.map { resolved(original.folder($0)) }
    let folders = whole.compactMap { $0.map(resolved) } + parts
    guard !folders.contains(where: { $0.hasPrefix(own) }), !parts.contains(where: own.hasPrefix)
    else { throw Failure(target, "expected another folder than the original model") }
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
    let output = try OutputFile(folder.file("model_index.json"))
    try output.write(Array(JSON.object(members).compact.utf8))
    try output.commit()
  }

  /// Copies what the file `source` holds, also where it is a link.
  private func copy(_ source: String, to name: String) throws {
    let input = try InputFile(regular: source, kind: "a file of the model")
    defer { input.finish() }
    let output = try OutputFile(folder.file(name))
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
    let source = original.folder(part)
    let leftOut = try Checkpoint.leftOut(in: source, variant: original.options.variant)
    if links, leftOut.isEmpty { return try link(source, as: part) }
    let size = try Checkpoint.size(of: source, variant: original.options.variant)
    if !links, size > PackedFolder.large {
      let packs = part.hasPrefix("text_encoder") ? ", fpq-stats --part \(part) packs it" : ""
      Console.say(
        String(
          format: "copying %@, %.1f GB: --link links it instead%@", part, Double(size) / 1e9, packs)
      )
    }
    try place(source, as: part, leavingOut: leftOut)
  }

  /// Copies or links the file or folder `source`, file by file, so that an interrupt can remove
  /// each.
  private func place(_ source: String, as name: String, leavingOut: Set<String> = []) throws {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: source, isDirectory: &isFolder)
    guard exists, isFolder.boolValue else {
      return links ? try link(source, as: name) : try copy(source, to: name)
    }
    try folder.makeFolder(name)
    for child in try folderContents(source) where !leavingOut.contains(child) {
      try place("\(source)/\(child)", as: "\(name)/\(child)")
    }
  }

  private func link(_ source: String, as name: String) throws {
    try folder.makeLink(name, to: URL(fileURLWithPath: source).standardizedFileURL.path)
  }

  /// - Throws: `Failure` when it cannot take its place, or when something has come into the folder
  ///   there that was not written here.
  package func commit() throws {
    let listing = try FolderListing.json(of: folder.temporary)
    let output = try OutputFile(folder.file(FolderListing.name))
    try output.write(listing.utf8)
    try output.commit()
    try folder.commit { try FolderListing.check($0, as: folder.path) }
  }
}
