import Foundation
import Pipeline
import Platform

/// A packed model folder in the making: the original's parts copied or linked, the transformer's weights replaced.
///
/// It is built under a temporary name beside the target and renamed when whole, so that a folder that can be seen is complete.
final class PackedFolder {
  static let weightsName = "transformer/diffusion_pytorch_model.safetensors"

  private let target: String
  private let temporary: String
  private var committed = false

  var weightsPath: String { "\(temporary)/\(PackedFolder.weightsName)" }

  /// - Throws: `Failure` when `target` exists as anything but an earlier packed folder or an empty one, or cannot be written.
  init(_ target: String, original: ModelFolder, links: Bool) throws {
    let files = FileManager.default
    self.target = target.hasSuffix("/") ? String(target.dropLast()) : target
    temporary = "\(self.target).\(ProcessInfo.processInfo.processIdentifier).part"
    if files.fileExists(atPath: self.target) {
      let contents = (try? files.contentsOfDirectory(atPath: self.target)) ?? ["?"]
      guard contents.isEmpty || (try? ModelFolder(self.target)) != nil else {
        throw Failure(self.target, "expected a model folder to replace or a new name, found other files")
      }
      guard URL(fileURLWithPath: self.target).resolvingSymlinksInPath()
        != URL(fileURLWithPath: original.path).resolvingSymlinksInPath()
      else { throw Failure(self.target, "expected another folder than the original model") }
    }
    do {
      try files.createDirectory(atPath: "\(temporary)/transformer", withIntermediateDirectories: true)
      Interrupt.remember(temporary)
      for part in ModelFolder.parts + ["model_index.json"] where part != "transformer" {
        let source = "\(original.path)/\(part)"
        if links {
          try files.createSymbolicLink(
            atPath: "\(temporary)/\(part)",
            withDestinationPath: URL(fileURLWithPath: source).standardizedFileURL.path)
        } else {
          try files.copyItem(atPath: source, toPath: "\(temporary)/\(part)")
        }
      }
      try files.copyItem(
        atPath: "\(original.path)/transformer/config.json",
        toPath: "\(temporary)/transformer/config.json")
    } catch let error as CocoaError {
      try? files.removeItem(atPath: temporary)
      throw Failure(target, "cannot be written: \(error.localizedDescription)")
    }
  }

  func commit() throws {
    let old = "\(temporary).old"
    let replaces = FileManager.default.fileExists(atPath: target)
    guard !replaces || rename(target, old) == 0, rename(temporary, target) == 0 else {
      throw Failure(target, "cannot be written: \(String(cString: strerror(errno)).lowercased())")
    }
    committed = true
    Interrupt.forget(temporary)
    if replaces { try? FileManager.default.removeItem(atPath: old) }
  }

  deinit {
    if !committed {
      try? FileManager.default.removeItem(atPath: temporary)
      Interrupt.forget(temporary)
    }
  }
}
