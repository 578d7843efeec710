/// Where the text states of a run come from.
package struct TextOptions: Sendable {
  /// Tokens of a prompt that count; nil: as many as the pipeline takes.
  package var promptLength: Int?
  /// Whether captions are cleaned, `clean_caption` in diffusers; nil: as the pipeline does it.
  package var cleansCaptions: Bool?
  /// A file with the states of all prompts, read instead of running text encoders.
  package var embeds: String?
  /// A folder in which states are kept from run to run.
  package var cache: String?

  package init() {}
}
