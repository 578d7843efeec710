import Platform
import Tensors

extension ModelConfig {
  /// The positive whole number under `key`, small enough that products of a few of them do not
  /// overflow.
  func bounded(_ key: String, default fallback: Int? = nil) throws -> Int {
    let found = try size(key, default: fallback)
    guard found <= 1 << 16 else {
      throw Failure(path, "\(key): expected at most \(1 << 16), found \(found)")
    }
    return found
  }
}
