import Models
import Platform
import Tensors

/// The text encoder's view of one prompt: the states [tokens][channels] of its real tokens, without padding.
package struct PromptStates: Sendable {
  package let prompt: String
  package let states: Matrix

  package init(prompt: String, states: Matrix) {
    self.prompt = prompt
    self.states = states
  }
}

/// Turns prompts into text states, then lets the text encoder go before the denoising needs the memory.
///
/// Padding is left out: padded keys have no weight in the text encoder and none in the transformer's cross-attention
/// (their logits are 10,000 lower, which is exactly 0 after the softmax), so the pictures are the same and cost less.
package struct PromptEncoder {
  private let tokenizer: Tokenizer
  private let encoder: T5Encoder
  private let promptLength: Int

  package init(_ folder: ModelFolder, promptLength: Int? = nil) throws {
    tokenizer = try Tokenizer(folder: folder.folder("tokenizer"))
    encoder = try T5Encoder(folder: folder.folder("text_encoder"))
    self.promptLength = promptLength ?? folder.family.promptLength
  }

  /// Encodes each distinct prompt once, alone, so that a prompt's states do not depend on the others.
  package func encode(_ prompts: [String]) throws -> [String: PromptStates] {
    var encoded: [String: PromptStates] = [:]
    let progress = Progress("text", total: Set(prompts).count, unit: "prompts")
    for prompt in prompts where encoded[prompt] == nil {
      let ids = tokenizer.encode(PromptEncoder.cleaned(prompt), maxLength: promptLength)
      let mask = Array(repeating: true, count: ids.count)
      let states = try encoder.encode(ids: ids, mask: mask, batch: 1, observer: nil)
      encoded[prompt] = PromptStates(prompt: prompt, states: states)
      progress.advance()
    }
    progress.finish()
    return encoded
  }

  /// Lower case without surrounding white space: what the pipelines do with `clean_caption` off.
  static func cleaned(_ prompt: String) -> String {
    prompt.lowercased().trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
