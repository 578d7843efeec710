import CSentencePiece
import Foundation
import Platform
import Tensors

/// T5's tokenizer: SentencePiece ids, `</s>` after truncation, padding on the right (transformers
/// `T5Tokenizer`).
///
/// Special and added tokens written out in a prompt (`</s>`, `<pad>`, `<unk>`, `<extra_id_3>`)
/// become their single ids, as in transformers. *Limitations:* text between them follows the SentencePiece
/// library; the rewritten tokenizer of transformers 5 differs there on a few unusual characters
/// (U+0085, stacked combining marks) and ignores byte fallback.
package final class SentencePieceTokenizer: @unchecked Sendable {
  /// `spiece.model` or `tokenizer.json`, for messages.
  package let path: String
  /// The ids the model file and the extra ids on top of it span: 0..<size.
  package let size: Int
  /// `model_max_length` of the configuration, when it names a usable length; the pipeline's own
  /// length goes before it.
  package let suggestedLength: Int?
  package let padID: Int32
  package let endID: Int32
  private let model: OpaquePointer
  private let specials: SpecialTokens
  /// Ids that the text encoder has a row for: 0..<rows; nil: unknown.
  private let rows: Int?

  /// Reads `spiece.model`, or without it `tokenizer.json`, with `tokenizer_config.json` and what
  /// tokens were added, in `folder`.
  ///
  /// - Parameters:
  ///   - folder: of the tokenizer.
  ///   - rows: of the text encoder's embedding; nil: not checked.
  /// - Throws: `Failure` for a missing or damaged file, or one without the padding or end token.
  package init(folder: String, rows: Int? = nil) throws {
    self.rows = rows
    let config = try ModelConfig("\(folder)/tokenizer_config.json")
    let file = try TokenizerFile.open(in: folder)
    let added = try AddedTokens(folder: folder, config: config, file: file)
    let (path, bytes, hasExtras) = try SentencePieceTokenizer.model(in: folder, file, added)
    var message = [CChar](repeating: 0, count: 200)
    let loaded = bytes.withUnsafeBytes {
      fpq_sentencepiece_load($0.baseAddress, $0.count, &message, message.count)
    }
    guard let loaded else {
      let text = String(
        decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw Failure(path, "expected a SentencePiece model, found \(text)")
    }
    model = loaded
    self.path = path
    let pieces = fpq_sentencepiece_size(model)

    func find(_ key: String, _ fallback: String) throws -> SpecialTokens.Token {
      let token = try config.token(key) ?? fallback
      let piece = fpq_sentencepiece_find(loaded, token)
      guard let id = piece >= 0 ? piece : added.id(of: token) else {
        throw Failure(path, "expected a piece for \(key) \(token), found none")
      }
      return SpecialTokens.Token(text: Array(token.utf8), id: id)
    }
    let (pad, end) = (try find("pad_token", "<pad>"), try find("eos_token", "</s>"))
    padID = pad.id
    endID = end.id
    let extras = hasExtras ? try config.int("extra_ids") ?? 100 : 0
    guard (0...10_000).contains(extras) else {
      throw Failure(config.path, "extra_ids: expected 0 ... 10000, found \(extras)")
    }
    // The extra ids lie above the pieces, the first of them on top.
    let extra = (0..<extras).map {
      SpecialTokens.Token(
        text: Array("<extra_id_\($0)>".utf8), id: pieces + Int32(extras - 1 - $0))
    }
    specials = SpecialTokens([pad, end, try find("unk_token", "<unk>")] + added.tokens + extra)
    size = Int(pieces) + extras
    suggestedLength = config.suggestedLength
  }

  deinit { fpq_sentencepiece_free(model) }

  /// The serialized model in `folder`, with its file for messages, and whether extra ids lie on top
  /// of its pieces without being named: `tokenizer.json` names them.
  private static func model(
    in folder: String, _ file: ModelConfig?, _ added: AddedTokens
  ) throws -> (path: String, bytes: Data, hasExtras: Bool) {
    let path = "\(folder)/spiece.model"
    if let file, !FileManager.default.fileExists(atPath: path) {
      return (file.path, try UnigramModel(file, added: added).serialized, false)
    }
    return (path, try InputFile.contents(of: path, kind: "a SentencePiece model"), true)
  }

  /// The ids of `text` alone: no end token, no limit, no padding.
  package func ids(of text: String) throws -> [Int32] {
    try specials.parts(of: text).flatMap { part in
      switch part {
      case .special(let token): [token.id]
      case .text(let bytes): try pieces(of: bytes)
      }
    }
  }

  /// The ids of `text`, cut so that the end token fits, then padded to `length`.
  ///
  /// - Throws: `Failure` naming an added token that the text encoder does not know.
  package func encode(_ text: String, length: Int) throws -> Tokens {
    guard (1...100_000).contains(length) else {
      throw Failure("expected 1 ... 100000 tokens of a prompt, found length \(length)")
    }
    let (all, limit) = (try ids(of: text), length - 1)
    let unread =
      all.count > limit
      ? try Tokens.unread(of: text, limit: limit) { try ids(of: $0).count } : ""
    let real = Array(all.prefix(limit)) + [endID]
    try specials.check(real, below: rows, path: path)
    return Tokens(real: real, paddedTo: length, with: padID, unread: unread)
  }

  private func pieces(of bytes: ArraySlice<UInt8>) throws -> [Int32] {
    try bytes.withUnsafeBytes { raw in
      let text = raw.assumingMemoryBound(to: CChar.self).baseAddress
      // Normalization may lengthen text (one ligature to 18 letters), so the first guess can be too
      // small.
      var capacity = bytes.count + 16
      while true {
        var count = 0
        let ids = [Int32](unsafeUninitializedCapacity: capacity) { buffer, initialized in
          count = fpq_sentencepiece_encode(model, text, raw.count, buffer.baseAddress, capacity)
          initialized = max(0, min(count, capacity))
        }
        guard count >= 0 else { throw Failure(path, "cannot encode the prompt") }
        if count <= capacity { return ids }
        capacity = count
      }
    }
  }
}
