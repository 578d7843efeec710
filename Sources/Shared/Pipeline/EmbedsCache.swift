import Foundation
import Models
import Platform
import Streams
import Tensors

/// A folder in which text states are kept from run to run, a safetensors file for each text and
/// encoder.
///
/// A file has the states F32 [tokens][channels], and as all files its digests. It appears whole or
/// not at all, so any number of runs can share the folder; what is in it may be removed at any time.
struct EmbedsCache {
  private let path: String

  /// Makes the folder if there is none.
  ///
  /// - Throws: `Failure` when it cannot be made or written to.
  init(_ path: String) throws {
    self.path = path
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw Failure(path, "expected a folder to keep text states in, or a place for one")
    }
    // Refused here, before the encoders run.
    guard access(path, W_OK | X_OK) == 0 else {
      throw Failure(path, "cannot be written: \(systemReason())")
    }
  }

  /// The file's name for a text: the SHA-256 of the version of these tools, whose later ones may
  /// compute other bits, the encoder's key, and of ids and mask.
  static func name(encoder key: String, _ tokens: Tokens) throws -> String {
    let digest = try Digest()
    digest.add("\(StreamMetadata.version) \(key)\n")
    for (id, isReal) in zip(tokens.ids, tokens.mask) { digest.add("\(id) \(isReal ? 1 : 0)\n") }
    return "\(digest.hex()).safetensors"
  }

  /// The states [tokens][channels] under `name`; nil when there are none.
  ///
  /// A damaged file counts as none, and that is said: it will be written again.
  func find(_ name: String, tokens: Int, channels: Int) -> Matrix? {
    let place = "\(path)/\(name)"
    guard FileManager.default.fileExists(atPath: place) else { return nil }
    do {
      let file = try SafetensorsFile(regular: place)
      let tensor = try file.tensor("states", shape: [tokens, channels])
      try tensor.requireFinite()
      guard file.hasDigests else {
        throw Failure(tensor.place, "expected a file with digests, found one without")
      }
      return Matrix(rows: tokens, columns: channels, values: try tensor.floats())
    } catch {
      Console.say("\(error); it is made again")
      return nil
    }
  }

  /// Writes states [tokens][channels] under `name`.
  func keep(_ states: Matrix, as name: String) throws {
    let tensor = Tensor(
      name: "states", dtype: .f32, shape: [states.rows, states.columns], values: states.values)
    let file = try OutputFile("\(path)/\(name)")
    try SafetensorsWriter.write([.init(tensor)], metadata: [:], to: file)
    try file.commit()
  }
}
