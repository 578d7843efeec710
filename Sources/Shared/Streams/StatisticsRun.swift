import Tensors

/// What ran while statistics were taken.
package enum StatisticsRun: Equatable, Sendable {
  /// The transformer, in the model's sampler.
  case sampling(CalibrationSettings)
  /// A text encoder.
  case reading(TextSettings)
  /// Nothing: layers are rounded by their weights alone.
  case nothing

  /// Reads the text written by `json`, from the metadata of `place`.
  ///
  /// - Throws: `Failure` when a setting is missing.
  init(json text: String, isOfTransformer: Bool, place: String) throws {
    self =
      if text == StatisticsRun.nothing.json {
        .nothing
      } else if isOfTransformer {
        .sampling(try CalibrationSettings(json: text, place: place))
      } else {
        .reading(try TextSettings(json: text, place: place))
      }
  }

  /// The settings as JSON under `fpq.settings`, keys in a fixed order.
  package var json: String {
    switch self {
    case .sampling(let settings): settings.json
    case .reading(let settings): settings.json
    case .nothing: "{}"
    }
  }

  /// The settings as options of `fpq-stats`, for the history.
  package var words: String {
    switch self {
    case .sampling(let settings): settings.words
    case .reading(let settings): settings.words
    case .nothing: " --data-free"
    }
  }
}
