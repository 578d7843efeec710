import Models
import Tensors

extension T5Encoder {
  /// That of `config.json` and the weights in `folder`.
  convenience init(in folder: String) throws {
    try self.init(ModelConfig("\(folder)/config.json"), from: Checkpoint(folder: folder))
  }
}

extension BertEncoder {
  /// That of `config.json` and the weights in `folder`.
  convenience init(in folder: String) throws {
    try self.init(ModelConfig("\(folder)/config.json"), from: Checkpoint(folder: folder))
  }
}
