import Foundation
import Platform
import Tensors

/// What decides the statistics besides the model and the prompts; shards must agree on it.
package struct CalibrationSettings: Equatable, Sendable {
  package let steps: Int
  package let guidanceScale: Double
  /// 0 to 1; 0: guidance as it is.
  package let guidanceRescale: Double
  /// Prompt number i starts from seed + i.
  package let seed: UInt64
  package let width: Int
  package let height: Int
  package let scheduler: String
  package let negativePrompt: String
  /// At most so many tokens of each sample and step enter the sums.
  package let tokensPerSample: Int
  /// Tokens of a prompt that count; nil: as many as the model's pipeline takes.
  package let promptLength: Int?
  /// Whether captions were cleaned before they were read; files of old do not say, and they were
  /// not.
  package let cleansCaptions: Bool

  package init(
    steps: Int, guidanceScale: Double, guidanceRescale: Double = 0, seed: UInt64, width: Int,
    height: Int, scheduler: String,
    negativePrompt: String, tokensPerSample: Int, promptLength: Int? = nil,
    cleansCaptions: Bool = false
  ) {
    self.steps = steps
    self.guidanceScale = guidanceScale
    self.guidanceRescale = guidanceRescale
    self.seed = seed
    self.width = width
    self.height = height
    self.scheduler = scheduler
    self.negativePrompt = negativePrompt
    self.tokensPerSample = tokensPerSample
    self.promptLength = promptLength
    self.cleansCaptions = cleansCaptions
  }

  /// Reads the text written by `json`, from the metadata of `place`.
  ///
  /// - Throws: `Failure` when a setting is missing.
  package init(json text: String, place: String) throws {
    let members = Dictionary(
      try JSON.object(text, place: place), uniquingKeysWith: { _, last in last })
    func value<T>(_ key: String, _ read: (JSON) -> T?) throws -> T {
      guard let found = members[key].flatMap(read) else {
        throw Failure(place, "expected the setting \(key) in the metadata, found none")
      }
      return found
    }
    func string(_ key: String) throws -> String {
      try value(key, \.string)
    }
    self.init(
      steps: try value("steps", \.int), guidanceScale: try value("guidance_scale", \.double),
      guidanceRescale: members["guidance_rescale"]?.double ?? 0,
      seed: try value("seed") { if case .number(let text) = $0 { UInt64(text) } else { nil } },
      width: try value("width", \.int),
      height: try value("height", \.int), scheduler: try string("scheduler"),
      negativePrompt: try string("negative_prompt"),
      tokensPerSample: try value("tokens_per_sample", \.int),
      promptLength: members["max_sequence_length"]?.int,
      cleansCaptions: members["clean_caption"] == .bool(true))
  }

  /// The settings as options of `fpq-stats`, for the history.
  package var words: String {
    """
     --steps \(steps) --guidance-scale \(guidanceScale) --seed \(seed) --width \(width) \
    --height \(height) --tokens-per-sample \(tokensPerSample)
    """
  }

  /// The settings as JSON under `fpq.settings`, keys in a fixed order.
  package var json: String {
    let length = promptLength.map { ",\"max_sequence_length\":\($0)" } ?? ""
    let rescale = guidanceRescale > 0 ? ",\"guidance_rescale\":\(guidanceRescale)" : ""
    let cleaned = cleansCaptions ? ",\"clean_caption\":true" : ""
    return """
      {"steps":\(steps),"guidance_scale":\(guidanceScale)\(rescale),"seed":\(seed),"width":\(width),\
      "height":\(height),"scheduler":\(JSON.quote(scheduler)),\
      "negative_prompt":\(JSON.quote(negativePrompt)),"tokens_per_sample":\(tokensPerSample)\(length)\(cleaned)}
      """
  }
}
