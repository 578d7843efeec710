import Foundation
import Tensors

/// `tokenizer.json`, the whole tokenizer in one file, which is all that transformers 5 saves.
enum TokenizerFile {
  /// The file in `folder`; nil: there is none.
  ///
  /// - Throws: `Failure` when it cannot be read.
  static func open(in folder: String) throws -> ModelConfig? {
    let path = "\(folder)/tokenizer.json"
    return FileManager.default.fileExists(atPath: path) ? try ModelConfig(path) : nil
  }
}
