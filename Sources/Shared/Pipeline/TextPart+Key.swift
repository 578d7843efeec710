import Foundation
import Models
import Platform
import Tensors

extension TextPart {
  /// What tells this encoder and tokenizer from others: the SHA-256 of the names of their files,
  /// and of what `Digest.add(fileAt:)` takes of each.
  ///
  /// Files of the encoder that it does not read, as weights in a second format, do not count.
  func key() throws -> String {
    let digest = try Digest()
    let tokenizerFiles = try folderContents(tokenizer)
    let weights = try weights().files.map(\.path)
    let paths = tokenizerFiles.map { "\(tokenizer)/\($0)" } + ["\(encoder)/config.json"] + weights
    for path in paths {
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder),
        !isFolder.boolValue
      else { continue }
      digest.add("\(URL(fileURLWithPath: path).lastPathComponent)\n")
      try digest.add(fileAt: path)
    }
    return digest.hex()
  }
}
