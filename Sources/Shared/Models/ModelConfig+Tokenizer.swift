import Tensors

/// What the `tokenizer_config.json` of every tokenizer may say.
extension ModelConfig {
  /// The text of a token: a string, or an object that holds it as `content`.
  func token(_ key: String) throws -> String? {
    if case .object? = json[key], case .string(let text)? = json[key]?["content"] { return text }
    return try string(key)
  }

  /// `model_max_length`, when it is a usable length: some configurations say 1e30 for "no limit".
  var suggestedLength: Int? {
    (try? int("model_max_length")).flatMap {
      $0.flatMap { (1...100_000).contains($0) ? $0 : nil }
    }
  }
}
