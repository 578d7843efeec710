import Tensors

/// What decides the statistics of a text encoder besides the model and the prompts; shards must
/// agree on it.
package struct TextSettings: Equatable, Sendable {
  /// Tokens of a prompt that count; nil: as many as the model leaves no choice about.
  package let promptLength: Int?
  /// Whether captions are cleaned before they are read.
  package let cleansCaptions: Bool

  package init(promptLength: Int?, cleansCaptions: Bool) {
    (self.promptLength, self.cleansCaptions) = (promptLength, cleansCaptions)
  }

  /// Reads the text written by `json`, from the metadata of `place`.
  ///
  /// - Throws: `Failure` when it is no JSON object.
  package init(json text: String, place: String) throws {
    let members = Dictionary(
      try JSON.object(text, place: place), uniquingKeysWith: { _, last in last })
    self.init(
      promptLength: members["max_sequence_length"]?.int,
      cleansCaptions: members["clean_caption"] == .bool(true))
  }

  /// The settings as JSON under `fpq.settings`, keys in a fixed order.
  package var json: String {
    let length = promptLength.map { "\"max_sequence_length\":\($0)," } ?? ""
    return "{\(length)\"clean_caption\":\(cleansCaptions)}"
  }

  /// The settings as options of `fpq-stats`, for the history.
  package var words: String {
    (promptLength.map { " --max-sequence-length \($0)" } ?? "")
      + (cleansCaptions ? "" : " --no-clean-caption")
  }
}
