/// How one picture is sampled; the names and defaults of the PixArt pipelines in diffusers.
package struct SamplingOptions: Sendable {
  package var steps = 20
  /// Guidance is off at 1 and below.
  package var guidanceScale: Float = 4.5
  package var negativePrompt = ""
  /// Pixels; nil takes the model's own size.
  package var width: Int?
  package var height: Int?
  /// `dpmsolver++`, `ddim`, `euler`, `ddpm`; nil takes the model's own.
  package var scheduler: String?
  /// Sample at the nearest size the model was trained on, then resize and crop.
  package var usesResolutionBinning = true
  /// Decode in overlapping tiles: less memory, a slightly different picture (diffusers' VAE
  /// tiling).
  package var tilesDecoding = false

  package init() {}

  /// Whether a step runs the negative prompt too: classifier-free guidance.
  package var isGuided: Bool { guidanceScale > 1 }
}
