import Foundation
import Platform
import Tensors

/// The tokens that were added to a tokenizer after its vocabulary was made (textual inversion,
/// sentinels), from wherever transformers keeps them in its folder: `added_tokens.json`,
/// `added_tokens_decoder` of `tokenizer_config.json`, `added_tokens` of `tokenizer.json`.
struct AddedTokens {
  /// Each text once.
  let tokens: [SpecialTokens.Token]

  /// Reads them.
  ///
  /// - Parameters:
  ///   - folder: of the tokenizer.
  ///   - config: its `tokenizer_config.json`.
  ///   - file: its `tokenizer.json`, where there is one.
  /// - Throws: `Failure` naming the file for an id that is none, and for two files that disagree.
  init(folder: String, config: ModelConfig, file: ModelConfig?) throws {
    var ids: [String: (id: Int32, place: String)] = [:]
    var words: Set<String> = []
    func add(_ text: String, _ id: Int?, isWord: Bool = false, in place: String) throws {
      guard let id = id.flatMap({ Int32(exactly: $0) }), id >= 0 else {
        throw Failure(place, "token \(JSON.quote(text)): expected an id")
      }
      if let other = ids[text], other.id != id {
        throw Failure(
          place,
          "token \(JSON.quote(text)): expected id \(other.id) as in \(other.place), found \(id)")
      }
      ids[text] = (id, place)
      if isWord { words.insert(text) }
    }
    if case .array(let entries)? = file?.json["added_tokens"], let file {
      for entry in entries {
        try add(
          entry["content"]?.string ?? "", entry["id"]?.int,
          isWord: entry["single_word"] == .bool(true), in: file.path)
      }
    }
    if case .object(let members)? = config.json["added_tokens_decoder"] {
      for member in members {
        try add(
          member.value["content"]?.string ?? "", Int(member.key),
          isWord: member.value["single_word"] == .bool(true), in: config.path)
      }
    }
    let path = "\(folder)/added_tokens.json"
    if FileManager.default.fileExists(atPath: path),
      case .object(let members) = try ModelConfig(path).json
    {
      for member in members { try add(member.key, member.value.int, in: path) }
    }
    tokens = ids.sorted { $0.key < $1.key }.map {
      SpecialTokens.Token(text: Array($0.key.utf8), id: $0.value.id, isWord: words.contains($0.key))
    }
  }

  /// The id of the token `text`; nil: it is none of these.
  func id(of text: String) -> Int32? {
    let bytes = Array(text.utf8)
    return tokens.first { $0.text == bytes }?.id
  }
}
