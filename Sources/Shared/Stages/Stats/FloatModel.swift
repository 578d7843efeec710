import Models
import Pipeline
import Platform
import Sampling
import Streams
import Tensors

/// Parts of a model that statistics are taken of, which must be float.
enum FloatModel {
  /// - Throws: `Failure` for a transformer that is packed.
  static func transformer(
    _ path: String, _ options: ModelFolder.Options
  ) throws -> TransformerSource {
    let source = try TransformerSource(path, options)
    try check(source.weights)
    return source
  }

  /// The text encoder `name` of a model, and how its pipeline reads prompts.
  ///
  /// - Throws: `Failure` for a name that is no text encoder's, and for one that is packed.
  static func textEncoder(
    _ name: String, of path: String, _ options: ModelFolder.Options, _ text: TextOptions
  ) throws -> (source: TransformerSource, encoding: TextEncoding, part: TextPart) {
    let source = try TransformerSource(path, options)
    let encoding = try source.textEncoding(text)
    guard let part = encoding.parts.first(where: { $0.name == name }) else {
      let known = encoding.parts.map(\.name).joined(separator: " or ")
      throw Failure("part \(name)", "expected transformer or \(known)")
    }
    try check(part.weights())
    return (source, encoding, part)
  }

  private static func check(_ weights: any TensorSource) throws {
    if StreamMetadata.isStream(weights) {
      throw Failure(weights.path, "expected a float model, found a packed one")
    }
  }
}
