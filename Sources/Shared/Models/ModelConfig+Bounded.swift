import Platform
import Tensors

extension ModelConfig {
  /// The positive whole number under `key`, small enough that products of a few of them do not
  /// overflow.
  func bounded(
    _ key: String, default fallback: Int? = nil, upTo limit: Int = 1 << 16
  ) throws -> Int {
    let found = try size(key, default: fallback)
    guard found <= limit else {
      throw Failure(path, "\(key): expected at most \(limit), found \(found)")
    }
    return found
  }

  /// `vocab_size`, the rows of a text encoder's embedding.
  func vocabularySize() throws -> Int { try bounded("vocab_size", upTo: 1 << 24) }
}
