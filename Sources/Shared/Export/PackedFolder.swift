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
      for part in ModelFolder.parts + ["model_index.json"] where part != "transformer" {
        if links {
          try link(part, to: original.path)
        } else {
          try copyTree(part, from: original.path)
        }
      }
    } catch let error as CocoaError {
      discard()
      throw Failure(target, "cannot be written: \(error.localizedDescription)")
    }
  }

  private func makeFolder(_ path: String) throws {
    slots.append(Interrupt.remember(path))
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  private func copy(_ name: String, from original: String) throws {
    slots.append(Interrupt.remember("\(temporary)/\(name)"))
    try FileManager.default.copyItem(atPath: "\(original)/\(name)", toPath: "\(temporary)/\(name)")
  }

  /// Copies the file or folder `name`, file by file, so that an interrupt can remove each.
  private func copyTree(_ name: String, from original: String) throws {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(
      atPath: "\(original)/\(name)", isDirectory: &isFolder)
    guard exists, isFolder.boolValue else { return try copy(name, from: original) }
    try makeFolder("\(temporary)/\(name)")
    for child in try FileManager.default.contentsOfDirectory(atPath: "\(original)/\(name)").sorted()
    {
      try copyTree("\(name)/\(child)", from: original)
    }
  }

  private func link(_ name: String, to original: String) throws {
    slots.append(Interrupt.remember("\(temporary)/\(name)"))
    try FileManager.default.createSymbolicLink(
      atPath: "\(temporary)/\(name)",
      withDestinationPath: URL(fileURLWithPath: "\(original)/\(name)").standardizedFileURL.path)
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
      throw Failure(target, "cannot be written: \(String(cString: strerror(errno)).lowercased())")
    }
    committed = true
    slots.forEach(Interrupt.forget)
    if replaces { try? FileManager.default.removeItem(atPath: old) }
  }

  deinit {
    if !committed { discard() }
  }
}
