import ArgumentParser
import Sampling

/// How pictures are sampled: the options that `dit-run` and `fpq-stats` share, named as in
/// diffusers.
package struct SamplingArguments: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: "Denoising steps, 1 to 1000 (default: 20 PixArt, 50 Hunyuan-DiT).")
  package var steps: Int?

  @Option(
    name: [.customLong("guidance-scale"), .customLong("cfg-scale")],
    parsing: .unconditional,
    help: "Classifier-free guidance; 1 and below is off (default: 4.5 PixArt, 5 Hunyuan-DiT).")
  package var guidanceScale: Float?

  @Option(
    parsing: .unconditional,
    help: "How far guidance keeps the spread of the conditional output, 0 to 1.")
  package var guidanceRescale: Float = 0

  @Option(name: [.short, .long], parsing: .unconditional, help: "What not to draw.")
  package var negativePrompt = ""

  @Option(
    name: [.short, .long], parsing: .unconditional,
    help: "Seed of the first picture; the next ones count up. -1: drawn, and said.")
  package var seed = SeedArgument(0)

  @Option(
    name: [.customShort("W"), .long], parsing: .unconditional,
    help: "Pixels (default: the model's own size).")
  package var width: Int?

  @Option(
    name: [.customShort("H"), .long], parsing: .unconditional,
    help: "Pixels (default: the model's own size).")
  package var height: Int?

  @Option(help: "dpmsolver++, ddim, euler, ddpm, unipc or lcm (default: the model's own).")
  package var scheduler: String?

  @Option(
    parsing: .unconditional,
    help:
      "Tokens of a prompt that count, </s> included (default: 120 alpha, 300 Sigma; not for Hunyuan-DiT)."
  )
  package var maxSequenceLength: Int?

  @Flag(
    inversion: .prefixedNo,
    help: """
      Leave out of prompts what is not about the picture (addresses, tags, numbers of articles, ...), \
      as diffusers does where ftfy and beautifulsoup4 are installed; without, prompts are only \
      lower-cased and stripped (default: --clean-caption for PixArt; not for Hunyuan-DiT).
      """)
  package var cleanCaption: Bool?

  @Flag(
    inversion: .prefixedNo,
    help: "Sample at the nearest size the model was trained on (PixArt: then resize and crop).")
  package var resolutionBinning = true

  package init() {}

  package func validate() throws {
    if let steps, !(1...1000).contains(steps) {
      throw ValidationError("--steps must be 1 to 1000")
    }
    guard guidanceScale.map({ (-1000...1000).contains($0) }) ?? true else {
      throw ValidationError("--guidance-scale must be -1000 to 1000")
    }
    for (option, side) in [("--width", width), ("--height", height)] {
      guard side.map({ (1...8192).contains($0) }) ?? true else {
        throw ValidationError("\(option) must be 1 to 8192")
      }
    }
    guard (0...1).contains(guidanceRescale) else {
      throw ValidationError("--guidance-rescale must be 0 to 1")
    }
    if let maxSequenceLength, !(1...4096).contains(maxSequenceLength) {
      throw ValidationError("--max-sequence-length must be 1 to 4096")
    }
  }

  /// Those of the sampler alone, and whether each asks for anything.
  package var ofSampler: [(option: String, isGiven: Bool)] {
    [
      ("--steps", steps != nil), ("--guidance-scale", guidanceScale != nil),
      ("--guidance-rescale", guidanceRescale != 0), ("--negative-prompt", !negativePrompt.isEmpty),
      ("--seed", seed != SeedArgument(0)), ("--width", width != nil), ("--height", height != nil),
      ("--scheduler", scheduler != nil), ("--no-resolution-binning", !resolutionBinning),
    ]
  }

  package var options: SamplingOptions {
    var options = SamplingOptions()
    options.steps = steps
    options.guidanceScale = guidanceScale
    options.guidanceRescale = guidanceRescale
    options.negativePrompt = negativePrompt
    options.width = width
    options.height = height
    options.scheduler = scheduler
    options.usesResolutionBinning = resolutionBinning
    return options
  }
}
