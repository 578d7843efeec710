import Foundation
import Platform

extension ModelFolder {
  /// The files that it consists of: its index, and all of its parts' folders; of a transformer that
  /// lies in a folder of its own, beside which anything may lie, its configuration and weights.
  package var files: [String] {
    [index.path]
      + allParts.flatMap { part in
        folder(part) == path
          ? ["\(path)/config.json"] + ((try? weights(part))?.files.map(\.path) ?? [])
          : ModelFolder.files(in: folder(part))
      }
  }

  /// As deep as parts are: links may lead back.
  private static func files(in folder: String, depth: Int = 3) -> [String] {
    ((try? folderContents(folder)) ?? []).flatMap { name -> [String] in
      let path = "\(folder)/\(name)"
      guard isFolder(path) else { return [path] }
      return depth > 0 ? files(in: path, depth: depth - 1) : []
    }
  }
}
