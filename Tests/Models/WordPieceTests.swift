import Foundation
import Models
import Platform
import Tensors
import TestSupport
import Testing

private func read<Value: Decodable>(_ type: Value.Type, _ file: String) throws -> Value {
  try JSONDecoder().decode(
    type, from: Data(contentsOf: URL(fileURLWithPath: References.path(file))))
}

private struct Record: Decodable {
  let prompt: String
  let ids: [Int32]
  let ids_max77: [Int32]
  let mask_max77: [Int]
}

@Test func `ids are those of BertTokenizer`() throws {
  let tokenizer = try WordPieceTokenizer(folder: References.path("wordpiece/tokenizer"))
  let records = try read([Record].self, "wordpiece/tokens.json")
  #expect(records.count >= 36)
  #expect(
    try tokenizer.size
      == ModelConfig(References.path("wordpiece/case.json")).json["vocab"]?.int)
  for record in records {
    #expect(tokenizer.ids(of: record.prompt) == record.ids.dropFirst().dropLast())
    let tokens = try tokenizer.encode(record.prompt, length: 77)
    #expect(tokens.ids == record.ids_max77, "\(record.prompt)")
    #expect(tokens.mask.map { $0 ? 1 : 0 } == record.mask_max77, "\(record.prompt)")
  }
}

private struct WordsRecord: Decodable {
  let lowercase: Bool
  let strip_accents: Bool?
  let handle_chinese_chars: Bool
  let text: String
  let words: [String]
}

@Test func `words are those of BertNormalizer and BertPreTokenizer`() throws {
  let records = try read([WordsRecord].self, "words/words.json")
  #expect(records.count > 100)
  for record in records {
    let words = BertWords(
      lowercases: record.lowercase, stripsAccents: record.strip_accents ?? record.lowercase,
      splitsChinese: record.handle_chinese_chars)
    // Bytes, as strings are equal to other spellings of the same text.
    #expect(words(record.text) == record.words.map { Array($0.utf8) }, "\(record.text)")
  }
}

/// Every Unicode character but NUL between two letters: joined, parted, a word of its own or inside
/// one word.
@Test func `characters are what they are to BertTokenizer`() throws {
  struct Run: Decodable {
    let range: ClosedRange<UInt32>
    let kind: String

    init(from decoder: any Decoder) throws {
      var list = try decoder.unkeyedContainer()
      range = try list.decode(UInt32.self)...list.decode(UInt32.self)
      kind = try list.decode(String.self)
    }
  }
  let runs = try read([Run].self, "words/characters.json")
  let words = BertWords(lowercases: true, stripsAccents: true, splitsChinese: true)
  let (a, b) = (Array("a".utf8), Array("b".utf8))
  var count = 0
  for run in runs {
    // Many at a time, as a text of "a<c>b" each.
    for first in stride(from: run.range.lowerBound, through: run.range.upperBound, by: 1024) {
      let values = first...min(first + 1023, run.range.upperBound)
      let text = try values.map { "a\(try #require(Unicode.Scalar($0)))b" }.joined(separator: " ")
      let found = words(text)
      let isRight =
        switch run.kind {
        case "removed": found == Array(repeating: a + b, count: values.count)
        case "blank": found == Array(repeating: [a, b], count: values.count).flatMap { $0 }
        case "inside":
          found.count == values.count
            && found.allSatisfy { $0.count > 2 && $0.first == a[0] && $0.last == b[0] }
        default:
          found.count == 3 * values.count
            && found.indices.allSatisfy { $0 % 3 == 1 || found[$0] == [a, b][$0 % 3 / 2] }
        }
      count += values.count
      #expect(isRight, "\(run.kind): \(values)")
    }
  }
  #expect(count == 0x10FFFF - 0x800)
}

/// What a folder with this vocabulary and configuration is refused for, without its name; "none"
/// when it is opened and `body` called.
private func refusal(
  _ vocabulary: Data?, config: String = "{}", _ body: (WordPieceTokenizer) throws -> Void = { _ in }
) throws -> String {
  let folder = try TemporaryFolder()
  if let vocabulary { try folder.write("vocab.txt", vocabulary) }
  try folder.write("tokenizer_config.json", Data(config.utf8))
  do {
    try body(WordPieceTokenizer(folder: folder.path))
    return "none"
  } catch let failure as Failure {
    return failure.description.replacing("\(folder.path)/", with: "")
  }
}

private let plain = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "apple", "##s", "红"]

private func file(_ lines: [String], end: String = "\n") -> Data {
  Data(lines.map { $0 + end }.joined().utf8)
}

/// Found by running transformers on such files.
@Test func `vocabularies are read as transformers does`() throws {
  func ids(_ vocabulary: Data, _ text: String, config: String = "{}") throws -> [Int32] {
    var found: [Int32] = []
    let failure = try refusal(vocabulary, config: config) { found = $0.ids(of: text) }
    #expect(failure == "none")
    return found
  }
  let usual: [Int32] = [5, 6, 7, 8]
  #expect(try ids(file(plain), "red apples红") == usual)
  #expect(try ids(file(plain, end: "\r\n"), "red apples红") == usual)
  #expect(try ids(file(plain).dropLast(), "red apples红") == usual)
  // The last of equal lines, and no white space at the end of a line.
  #expect(try ids(file(plain + ["red", "apple \u{3000}"]), "red apples红") == [9, 10, 7, 8])
  // Lines without a piece have a number, too.
  #expect(try ids(file(["", ""] + plain + ["", ""]), "red apples红") == usual.map { $0 + 2 })
  // A word's end or beginning missing, and a word that no pieces make up.
  #expect(try ids(file(plain), "reds redapple s ##s apple") == [5, 7, 1, 1, 1, 1, 1, 6])

  // Spellings are bytes.
  let accents = file(plain + ["e\u{301}", "\u{E9}", "i\u{307}", "RED"])
  let text = "\u{E9} e\u{301} \u{130} RED"
  #expect(
    try ids(accents, text, config: #"{"strip_accents": false}"#) == [10, 9, 11, 5])
  #expect(try ids(accents, text, config: #"{"do_lower_case": false}"#) == [10, 9, 1, 12])
  #expect(
    try ids(file(plain), "a红", config: #"{"tokenize_chinese_chars": false}"#) == [1])
}

@Test func `words have at most 100 characters`() throws {
  let lines = plain + ["e", "##e"]
  let failure = try refusal(file(lines)) { tokenizer in
    for accent in ["e", "\u{E9}"] {
      let longest = String(repeating: accent, count: 100)
      #expect(tokenizer.ids(of: longest) == [9] + Array(repeating: 10, count: 99))
      #expect(tokenizer.ids(of: longest + "e red") == [1, 5])
    }
  }
  #expect(failure == "none")
}

@Test func `special tokens have one id`() throws {
  let config = #"{"sep_token": {"content": "apple"}, "mask_token": null, "model_max_length": 77}"#
  let failure = try refusal(file(plain), config: config) { tokenizer in
    #expect(tokenizer.suggestedLength == 77)
    #expect(tokenizer.size == plain.count)
    #expect(
      tokenizer.ids(of: "[CLS][PAD]red[MASK] [UNK]") == [2, 0, 5, 4, 1])
    #expect(tokenizer.ids(of: "red apples [SEP]") == [5, 6, 1, 1, 1, 1])
    #expect(tokenizer.ids(of: "[cls] [ CLS ]") == Array(repeating: 1, count: 6))
    let lengths: [(String, Int, [Int32])] = [
      ("red", 4, [2, 5, 6, 0]), ("red red red", 4, [2, 5, 5, 6]), ("red", 2, [2, 6]),
    ]
    for (text, length, ids) in lengths {
      let tokens = try tokenizer.encode(text, length: length)
      #expect(tokens.ids == ids)
    }
    for length in [1, 0, -1] {
      let failure = Failure("expected at least two tokens, found length \(length)")
      #expect(throws: failure) { try tokenizer.encode("red", length: length) }
    }
  }
  #expect(failure == "none")
}

@Test func `damaged vocabularies are refused`() throws {
  let expected = "vocab.txt: expected a vocabulary, a piece on each line, found"
  #expect(try refusal(nil) == "\(expected) none")
  #expect(try refusal(Data()) == "\(expected) an empty file")
  #expect(
    try refusal(file(plain) + [0xFF, 0xFE]) == "vocab.txt: expected UTF-8, found other bytes")
  for (index, key) in ["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"]
    .enumerated()
  {
    var lines = plain
    let token = lines.remove(at: index)
    let expected = "vocab.txt: expected a line for \(key) \(token), found none"
    #expect(try refusal(file(lines)) == expected)
    #expect(
      try refusal(file(plain), config: "{\"\(key)\": \"[NO]\"}")
        == "vocab.txt: expected a line for \(key) [NO], found none")
  }
  // A byte order mark is a part of the first line.
  #expect(
    try refusal(Data("\u{FEFF}".utf8) + file(plain))
      == "vocab.txt: expected a line for pad_token [PAD], found none")
  #expect(
    try refusal(file(plain) + Data(count: 16 << 20))
      == "vocab.txt: expected at most 16777216 bytes, found \((16 << 20) + file(plain).count)")
  #expect(
    try refusal(file(plain), config: #"{"do_lower_case": "yes"}"#).hasPrefix(
      "tokenizer_config.json: do_lower_case: expected true or false"))
}
