import ArgumentParser
import Sampling

/// Where text states come from: the options of all tools that sample.
package struct TextArguments: ParsableArguments {
  @Option(
    help: "Read the text states of all prompts from this safetensors file; no text encoder runs.")
  package var promptEmbeds: String?

  @Option(
    help: "Keep text states in this folder, and encode only prompts that it does not have yet.")
  package var embedsCache: String?

  package init() {}

  package func validate() throws {
    guard promptEmbeds == nil || embedsCache == nil else {
      throw ValidationError("--prompt-embeds and --embeds-cache exclude each other")
    }
    guard promptEmbeds != "-" else { throw ValidationError("--prompt-embeds must be a file") }
  }

  /// All of them, and whether each is given.
  package var given: [(option: String, isGiven: Bool)] {
    [("--prompt-embeds", promptEmbeds != nil), ("--embeds-cache", embedsCache != nil)]
  }

  /// Reading prompts as `sampling` says; nil: as the run whose prompts they are.
  package func options(_ sampling: SamplingArguments? = nil) -> TextOptions {
    var options = TextOptions()
    options.promptLength = sampling?.maxSequenceLength
    options.cleansCaptions = sampling?.cleanCaption
    options.embeds = promptEmbeds
    options.cache = embedsCache
    return options
  }
}
