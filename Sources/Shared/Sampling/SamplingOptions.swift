/// How one picture is sampled; the names of the pipelines in diffusers.
package struct SamplingOptions: Sendable {
  /// Nil: as many as the family's pipelines take.
  package var steps: Int?
  /// Guidance is off at 1 and below; nil: the family's own.
  package var guidanceScale: Float?
  /// How far the guided output is brought back to the spread of the conditional one, 0 to 1.
  package var guidanceRescale: Float = 0
  package var negativePrompt = ""
  /// Pixels; nil takes the model's own size.
  package var width: Int?
  package var height: Int?
  /// The raw value of a `SchedulerName`; nil takes the model's own.
  package var scheduler: String?
  /// Sample at the nearest size the model was trained on.
  package var usesResolutionBinning = true
  /// Decode in overlapping tiles: less memory, a slightly different picture (diffusers' VAE
  /// tiling).
  package var tilesDecoding = false

  package init() {}
}
