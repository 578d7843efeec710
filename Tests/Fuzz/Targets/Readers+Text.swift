import Models
import Pipeline
import TestSupport

/// Letters of several scripts, a ligature, a space that is none, and tokens that are written out.
private let prompt = "a red Apple, \u{FB01}t \u{3000}\u{7532}\u{1F98A} <extra_id_3></s>[MASK] x"

func readSentencePiece(_ bytes: UnsafeRawBufferPointer) throws {
  let config = #"{"extra_ids": 2}"#
  try FuzzFile.with(
    bytes, as: "spiece.model", others: ["tokenizer_config.json": config], in: "pieces"
  ) { _ = try SentencePieceTokenizer(folder: $0).encode(prompt, length: 20) }
}

func readTokenizerFile(_ bytes: UnsafeRawBufferPointer) throws {
  try FuzzFile.with(
    bytes, as: "tokenizer.json", others: ["tokenizer_config.json": "{}"], in: "tokenizer"
  ) { folder in
    try attempt { _ = try SentencePieceTokenizer(folder: folder).encode(prompt, length: 20) }
    try attempt { _ = try WordPieceTokenizer(folder: folder).encode(prompt, length: 20) }
  }
}

func readVocabulary(_ bytes: UnsafeRawBufferPointer) throws {
  try FuzzFile.with(
    bytes, as: "vocab.txt", others: ["tokenizer_config.json": "{}"], in: "vocabulary"
  ) { _ = try WordPieceTokenizer(folder: $0).encode(prompt, length: 20) }
}

private let pieces = Result {
  try SentencePieceTokenizer(folder: References.path("tokenizer-json/unigram"))
}
private let words = Result {
  try WordPieceTokenizer(folder: References.path("tokenizer-json/wordpiece"))
}

func readPromptFile(_ bytes: UnsafeRawBufferPointer) throws {
  try FuzzFile.with(bytes) { path in
    for prompt in try readPrompts(path) {
      let (ours, theirs) = (
        try pieces.get().encode(prompt, length: 20), try words.get().encode(prompt, length: 20)
      )
      precondition(ours.ids.count == 20 && theirs.ids.count == 20, "\(ours.ids) \(theirs.ids)")
    }
  }
}

func cleanCaption(_ bytes: UnsafeRawBufferPointer) throws {
  _ = cleanedPrompt(String(decoding: bytes, as: UTF8.self))
}
