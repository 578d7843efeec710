/// How a family turns prompts into text states: its encoders and tokenizers, padding and masks.
package protocol TextEncoding {
  /// The states of `prompt`, which depend on no other prompt.
  ///
  /// - Throws: `Failure` for a prompt that cannot be encoded.
  func encode(_ prompt: String) throws -> EncodedPrompt
}
