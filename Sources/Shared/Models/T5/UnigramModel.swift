import Foundation
import Platform
import Tensors

/// The Unigram model of a `tokenizer.json`, as a SentencePiece model that gives the same ids.
///
/// Steps that SentencePiece takes as well are its options: the table of replacements, a space in
/// front, one space for several. Others are refused by name.
struct UnigramModel {
  /// A serialized `ModelProto` of SentencePiece (`sentencepiece_model.proto`).
  let serialized: Data

  /// The types of pieces there; a control piece is never found in a text.
  private enum PieceType: Int {
    case normal = 1
    case unknown, control
    case byte = 6
  }

  /// The marker of a space in pieces.
  fileprivate static let space = "\u{2581}"

  /// Converts `file`.
  ///
  /// - Throws: `Failure` naming what SentencePiece does not do.
  init(_ file: ModelConfig, added: AddedTokens) throws {
    guard let model = file.json["model"], model["type"]?.string == "Unigram",
      case .array(let pieces)? = model["vocab"]
    else {
      let found = file.json["model"]?["type"]?.description ?? "none"
      throw Failure(file.path, "model: expected a Unigram vocabulary, found \(found)")
    }
    let usesBytes = model["byte_fallback"] == .bool(true)
    guard let unknown = model["unk_id"]?.int, pieces.indices.contains(unknown) else {
      throw Failure(file.path, "model: unk_id: expected a piece's id below \(pieces.count)")
    }
    let isAdded = Set(added.tokens.map(\.id))
    var message = ProtobufMessage()
    for (id, entry) in pieces.enumerated() {
      guard case .array(let pair) = entry, pair.count == 2, let text = pair[0].string,
        let score = pair[1].double, score.isFinite
      else {
        throw Failure(file.path, "model: vocab: expected pieces with scores, found \(entry)")
      }
      var type = PieceType.normal
      if id == unknown {
        type = .unknown
      } else if usesBytes, text.wholeMatch(of: /<0x[0-9A-F]{2}>/) != nil {
        type = .byte
      } else if isAdded.contains(Int32(id)) {
        type = .control
      }
      var piece = ProtobufMessage()
      piece.add(1, text.utf8)
      piece.add(2, Float(score))
      piece.add(3, type.rawValue)
      message.add(1, piece.bytes)
    }
    var trainer = ProtobufMessage()
    // Unigram.
    trainer.add(3, 1)
    trainer.add(35, usesBytes ? 1 : 0)
    message.add(2, trainer.bytes)
    message.add(3, try Steps(file).normalizer.bytes)
    serialized = Data(message.bytes)
  }

  /// What is done to a text before pieces are looked for.
  private struct Steps {
    private let path: String
    private var charsmap = Data()
    private var startsWithSpace = true
    private var collapsesSpaces = false
    private var splitsAtSpaces = false
    private var marksSpaces = false

    init(_ file: ModelConfig) throws {
      path = file.path
      try normalize(file.json["normalizer"] ?? .null)
      try split(file.json["pre_tokenizer"] ?? .null)
      guard marksSpaces else {
        throw Failure(path, "pre_tokenizer: expected Metaspace, found none")
      }
    }

    /// `NormalizerSpec`.
    var normalizer: ProtobufMessage {
      var message = ProtobufMessage()
      message.add(2, charsmap)
      message.add(3, startsWithSpace ? 1 : 0)
      message.add(4, collapsesSpaces || splitsAtSpaces ? 1 : 0)
      message.add(5, 1)
      return message
    }

    private func refusal(_ key: String, _ expected: String, _ found: JSON?) -> Failure {
      Failure(path, "\(key): expected \(expected), found \(found?.description ?? "none")")
    }

    private mutating func normalize(_ step: JSON) throws {
      switch step["type"]?.string {
      case nil where step == .null: break
      case "Sequence":
        guard case .array(let steps)? = step["normalizers"] else {
          throw refusal("normalizer", "a list", step["normalizers"])
        }
        for step in steps { try normalize(step) }
      case "Precompiled":
        let text = step["precompiled_charsmap"]?.string ?? ""
        guard let table = Data(base64Encoded: text), charsmap.isEmpty else {
          throw refusal("normalizer", "one table in base64", step["precompiled_charsmap"])
        }
        charsmap = table
      // SentencePiece strips and collapses together.
      case "Strip": collapsesSpaces = true
      case "Replace" where step["pattern"]?["Regex"]?.string == " {2,}": collapsesSpaces = true
      default: throw refusal("normalizer", "Precompiled, Strip or Replace of spaces", step["type"])
      }
    }

    private mutating func split(_ step: JSON) throws {
      switch step["type"]?.string {
      case "Sequence":
        guard case .array(let steps)? = step["pretokenizers"] else {
          throw refusal("pre_tokenizer", "a list", step["pretokenizers"])
        }
        for step in steps { try split(step) }
      case "WhitespaceSplit": splitsAtSpaces = true
      case "Metaspace":
        guard step["replacement"]?.string ?? UnigramModel.space == UnigramModel.space else {
          throw refusal("pre_tokenizer: replacement", UnigramModel.space, step["replacement"])
        }
        let always = step["add_prefix_space"] == .bool(false) ? "never" : "always"
        let scheme = step["prepend_scheme"]?.string ?? always
        // Words that were split off before are marked only by "always".
        guard scheme == "always" || !splitsAtSpaces && ["first", "never"].contains(scheme) else {
          throw refusal("pre_tokenizer: prepend_scheme", "always", .string(scheme))
        }
        startsWithSpace = scheme != "never"
        marksSpaces = true
      default: throw refusal("pre_tokenizer", "WhitespaceSplit or Metaspace", step["type"])
      }
    }
  }
}
