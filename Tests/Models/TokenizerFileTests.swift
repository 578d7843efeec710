import Foundation
import Models
import Platform
import Tensors
import TestSupport
import Testing

private struct Record: Decodable {
  let tokenizer: String
  let prompt: String
  let ids: [Int32]

  func contains(anyOf scalars: [Unicode.Scalar]) -> Bool {
    prompt.unicodeScalars.contains(where: scalars.contains)
  }
}

/// Saved by transformers, with two tokens added, one of them only as a word of its own.
@Test func `tokenizer json gives the ids of transformers`() throws {
  let records = try JSONDecoder().decode(
    [Record].self,
    from: Data(contentsOf: URL(fileURLWithPath: References.path("tokenizer-json/tokens.json"))))
  let unigram = try SentencePieceTokenizer(folder: References.path("tokenizer-json/unigram"))
  let wordPiece = try WordPieceTokenizer(folder: References.path("tokenizer-json/wordpiece"))
  #expect(records.count == 106)
  // Where the tokenizer of transformers 5 and the SentencePiece library differ (U+0085, stacked
  // combining marks), ours follows the library, as it does from spiece.model.
  let differing: [Unicode.Scalar] = ["\u{85}", "\u{302}"]
  let (compared, left) = (
    records.filter { $0.tokenizer != "unigram" || !$0.contains(anyOf: differing) },
    records.filter { $0.tokenizer == "unigram" && $0.contains(anyOf: differing) }
  )
  #expect(left.count == 2)
  for record in compared {
    let found =
      record.tokenizer == "unigram"
      ? try unigram.ids(of: record.prompt) + [unigram.endID]
      : Array(
        try wordPiece.encode(record.prompt, length: record.ids.count).ids)
    #expect(found == record.ids, "\(record.tokenizer): \(record.prompt.debugDescription)")
  }
}

/// The failure of opening a folder with this `tokenizer.json`, without the folder's name.
private func refusal(_ text: String, _ open: (String) throws -> Void) throws -> String {
  let folder = try TemporaryFolder()
  try folder.write("tokenizer_config.json", "{}".utf8)
  try folder.write("tokenizer.json", text.utf8)
  do {
    try open(folder.path)
    return "none"
  } catch let failure as Failure {
    return failure.description.replacing("\(folder.path)/tokenizer.json: ", with: "")
  }
}

private func unigram(
  model: String? = nil, normalizer: String = "null", split: String? = nil
) throws -> String {
  let pieces = #"[["<pad>", 0], ["</s>", 0], ["<unk>", 0], ["▁", -1], ["a", -2.5]]"#
  let model = model ?? #"{"type": "Unigram", "unk_id": 2, "vocab": \#(pieces)}"#
  let split = split ?? #"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"}"#
  return try refusal(
    """
    {"added_tokens": [], "normalizer": \(normalizer), "pre_tokenizer": \(split), "model": \(model)}
    """
  ) { _ = try SentencePieceTokenizer(folder: $0).ids(of: "a b") }
}

@Test func `what a SentencePiece model does not do is refused by name`() throws {
  #expect(try unigram() == "none")
  #expect(
    try unigram(model: #"{"type": "BPE"}"#) == "model: expected a Unigram vocabulary, found \"BPE\""
  )
  #expect(
    try unigram(model: #"{"type": "Unigram", "vocab": [["a", 0]]}"#)
      == "model: unk_id: expected a piece's id below 1")
  #expect(
    try unigram(model: #"{"type": "Unigram", "unk_id": 0, "vocab": [["a"]]}"#)
      == "model: vocab: expected pieces with scores, found [\"a\"]")
  #expect(
    try unigram(normalizer: #"{"type": "Lowercase"}"#).hasSuffix("found \"Lowercase\""))
  #expect(
    try unigram(normalizer: #"{"type": "Precompiled", "precompiled_charsmap": "AAAA"}"#)
      == "expected a SentencePiece model, found damaged model or normalization table")
  #expect(
    try unigram(split: #"{"type": "ByteLevel"}"#)
      == "pre_tokenizer: expected WhitespaceSplit or Metaspace, found \"ByteLevel\"")
  #expect(try unigram(split: "null").hasPrefix("pre_tokenizer: expected "))
  #expect(
    try refusal(#"{"model": {"type": "BPE"}}"#) { _ = try WordPieceTokenizer(folder: $0) }
      .hasPrefix("model: expected a WordPiece vocabulary"))
}
