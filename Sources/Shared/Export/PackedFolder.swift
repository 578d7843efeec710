import Foundation
import Platform
import Tensors

/// A packed model folder in the making: the original's parts copied or linked, the transformer's
/// weights replaced.
///
/// It is built under a temporary name beside the target and renamed when whole, so that a folder
/// that can be seen is complete.
package final class PackedFolder {
  package static let weightsName = "transformer/diffusion_pytorch_model.safetensors"

  private let target: String
  private let temporary: String
  private var committed = false
  /// What an interrupt must remove.
  private var slots: [Int32] = []

  package var weightsPath: String { "\(temporary)/\(PackedFolder.weightsName)" }

  /// - Throws: `Failure` when `target` exists as anything but an earlier packed folder or an empty
  ///   one, or cannot be written.
  package init(_ target: String, original: ModelFolder, links: Bool) throws {
    let files = FileManager.default
    self.target = target.hasSuffix("/") ? String(target.dropLast()) : target
    temporary = "\(self.target).\(ProcessInfo.processInfo.processIdentifier).part"
    if files.fileExists(atPath: self.target) {
      let contents = (try? files.contentsOfDirectory(atPath: self.target)) ?? ["?"]
      guard contents.isEmpty || (try? ModelFolder(self.target)) != nil else {
        throw Failure(
          self.target, "expected a model folder to replace or a new name, found other files")
      }
      guard
        URL(fileURLWithPath: self.target).resolvingSymlinksInPath()
          != URL(fileURLWithPath: original.path).resolvingSymlinksInPath()
      else { throw Failure(self.target, "expected another folder than the original model") }
    }
    do {
      try makeFolder(temporary)
      try makeFolder("\(temporary)/transformer")
      try copy("transformer/config.json", from: original.path)
      for part in original.parts + ["model_index.json"] where part != "transformer" {
        if links {
          try link(part, to: original.path)
        } else {
          try copyTree(part, from: original.path)
        }
      }
    } catch {
      discard()
      throw error
    }
  }

  private func makeFolder(_ path: String) throws {
    slots.append(Interrupt.remember(path))
    guard mkdir(path, 0o777) == 0 else { throw cannotBeWritten() }
  }

  /// Copies what the file `name` holds, also where it is a link.
  private func copy(_ name: String, from original: String) throws {
    slots.append(Interrupt.remember("\(temporary)/\(name)"))
    let input = try InputFile("\(original)/\(name)", kind: "a file of the model")
    defer { input.finish() }
    let output = try OutputFile("\(temporary)/\(name)")
    while true {
      let piece = try input.readPiece(atMost: 1 << 20)
      if piece.isEmpty { break }
      try piece.withUnsafeBytes { try output.write($0) }
    }
    try output.commit()
  }

  /// Copies the file or folder `name`, file by file, so that an interrupt can remove each.
  private func copyTree(_ name: String, from original: String) throws {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(
      atPath: "\(original)/\(name)", isDirectory: &isFolder)
    guard exists, isFolder.boolValue else { return try copy(name, from: original) }
    try makeFolder("\(temporary)/\(name)")
    for child in try folderContents("\(original)/\(name)") {
      try copyTree("\(name)/\(child)", from: original)
    }
  }

  private func link(_ name: String, to original: String) throws {
    slots.append(Interrupt.remember("\(temporary)/\(name)"))
    let path = URL(fileURLWithPath: "\(original)/\(name)").standardizedFileURL.path
    guard symlink(path, "\(temporary)/\(name)") == 0 else { throw cannotBeWritten() }
  }

  private func cannotBeWritten() -> Failure {
    Failure(target, "cannot be written: \(systemReason())")
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
