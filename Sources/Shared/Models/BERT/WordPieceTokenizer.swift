import Foundation
import Platform
import Tensors

/// BERT's tokenizer: words cut into the longest pieces of a vocabulary, between `[CLS]` and
/// `[SEP]`, padding on the right (transformers `BertTokenizer`, with the words of `BertWords`).
///
/// Special and added tokens written out in a prompt (`[SEP]`, `[MASK]`) become their single ids, as in
/// transformers.
package final class WordPieceTokenizer: Sendable {
  /// `vocab.txt` or `tokenizer.json`, for messages.
  package let path: String
  /// The ids span 0..<size.
  package let size: Int
  /// `model_max_length` of the configuration, when it names a usable length.
  package let suggestedLength: Int?
  package let padID: Int32
  private let unknownID: Int32
  private let startID: Int32
  private let endID: Int32
  private let vocabulary: WordPieceVocabulary
  private let words: BertWords
  private let specials: SpecialTokens
  /// Ids that the text encoder has a row for: 0..<rows; nil: unknown.
  private let rows: Int?

  /// Reads `vocab.txt`, or without it `tokenizer.json`, with `tokenizer_config.json` and what tokens
  /// were added, in `folder`.
  ///
  /// - Parameters:
  ///   - folder: of the tokenizer.
  ///   - rows: of the text encoder's embedding; nil: not checked.
  /// - Throws: `Failure` for a missing or damaged file, or a vocabulary without a special token.
  package init(folder: String, rows: Int? = nil) throws {
    self.rows = rows
    let config = try ModelConfig("\(folder)/tokenizer_config.json")
    let file = try TokenizerFile.open(in: folder)
    let vocabulary = try WordPieceVocabulary(folder: folder, file)
    let added = try AddedTokens(folder: folder, config: config, file: file)
    func find(_ key: String, _ fallback: String) throws -> SpecialTokens.Token {
      let token = try config.token(key) ?? fallback
      guard let id = vocabulary.id(of: Array(token.utf8)) else {
        throw Failure(vocabulary.path, "expected a line for \(key) \(token), found none")
      }
      return SpecialTokens.Token(text: Array(token.utf8), id: id)
    }
    let (pad, unknown) = (try find("pad_token", "[PAD]"), try find("unk_token", "[UNK]"))
    let (start, end) = (try find("cls_token", "[CLS]"), try find("sep_token", "[SEP]"))
    (padID, unknownID, startID, endID) = (pad.id, unknown.id, start.id, end.id)
    specials = SpecialTokens(
      [pad, unknown, start, end, try find("mask_token", "[MASK]")] + added.tokens)
    let normalizer = vocabulary.path == file?.path ? file?.json["normalizer"] : nil
    func flag(_ key: String, _ own: String, _ fallback: Bool) throws -> Bool {
      if case .bool(let flag)? = normalizer?[own] { return flag }
      return try config.bool(key) ?? fallback
    }
    let lowercases = try flag("do_lower_case", "lowercase", true)
    words = BertWords(
      lowercases: lowercases,
      stripsAccents: try flag("strip_accents", "strip_accents", lowercases),
      splitsChinese: try flag("tokenize_chinese_chars", "handle_chinese_chars", true))
    self.vocabulary = vocabulary
    path = vocabulary.path
    size = vocabulary.size
    suggestedLength = config.suggestedLength
  }

  /// The ids of `text` alone: no start or end token, no limit, no padding.
  package func ids(of text: String) -> [Int32] {
    specials.parts(of: text).flatMap { part in
      switch part {
      case .special(let token): [token.id]
      case .text(let bytes):
        words(String(decoding: bytes, as: UTF8.self)).flatMap {
          vocabulary.pieces(of: $0) ?? [unknownID]
        }
      }
    }
  }

  /// The ids of `text`, cut so that start and end token fit, then padded to `length`.
  ///
  /// - Throws: `Failure` for a length that these two do not fit in, and naming an added token that
  ///   the text encoder does not know.
  package func encode(_ text: String, length: Int) throws -> Tokens {
    guard length > 1 else { throw Failure("expected at least two tokens, found length \(length)") }
    let (all, limit) = (ids(of: text), length - 2)
    let unread =
      all.count > limit ? Tokens.unread(of: text, limit: limit) { ids(of: $0).count } : ""
    let real = [startID] + all.prefix(limit) + [endID]
    try specials.check(real, below: rows, path: path)
    return Tokens(real: real, paddedTo: length, with: padID, unread: unread)
  }
}
