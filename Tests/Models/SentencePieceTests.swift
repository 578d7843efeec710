import Foundation
import Models
import Platform
import Tensors
import TestSupport
import Testing

private struct Record: Decodable {
  let agree: Bool
  let prompt: String
  let tokenizer: String
  let sentencepiece_ids: [Int32]
  let transformers_ids: [Int32]
  let transformers_ids_max20: [Int32]

  /// Prompts in which special tokens are written out: there transformers is right, old and new.
  var namesSpecials: Bool { prompt.contains("</s>") || prompt.contains("<extra_id_") }
}

private func records() throws -> [Record] {
  let data = try Data(
    contentsOf: URL(fileURLWithPath: References.path("sentencepiece/tokens.json")))
  return try JSONDecoder().decode([Record].self, from: data)
}

private func tokenizer(_ name: String) throws -> SentencePieceTokenizer {
  try SentencePieceTokenizer(folder: References.path("sentencepiece/\(name)"))
}

@Test(arguments: ["t5", "mt5-bytefallback"])
func `ids are those of the libraries`(_ name: String) throws {
  let tokenizer = try tokenizer(name)
  let records = try records().filter { $0.tokenizer == name }
  #expect(records.count == 48)
  for record in records {
    let ids = try tokenizer.ids(of: record.prompt)
    let tokens = try tokenizer.encode(record.prompt, length: 20)
    if record.agree || record.namesSpecials {
      #expect(ids + [tokenizer.endID] == record.transformers_ids, "\(record.prompt)")
      #expect(tokens.ids == record.transformers_ids_max20, "\(record.prompt)")
    } else {
      #expect(ids == record.sentencepiece_ids, "\(record.prompt)")
    }
    #expect(tokens.mask.count { $0 } == min(20, ids.count + 1))
    #expect(tokens.mask.lastIndex(of: true) == min(20, ids.count + 1) - 1)
  }
}

@Test func `pipelines give the same tokens`() throws {
  for name in ["pipeline-alpha/noguidance", "pipeline-sigma/binned"] {
    let parts = name.split(separator: "/").map(String.init)
    let config = try ModelConfig(References.path("\(parts[0])/case.json"))
    let call = try #require(config.json["runs"]?[parts[1]]?["call"])
    guard case .string(let prompt)? = call["prompt"] else {
      Issue.record("no prompt")
      continue
    }
    let expected = try References.tensors("\(name)/io.safetensors").tensor("token_ids")
    let length = expected.shape[1]
    let tokenizer = try SentencePieceTokenizer(
      folder: References.path("\(parts[0])/pipeline/tokenizer"))
    let ids = try tokenizer.encode(preparedPrompt(prompt), length: length).ids
    #expect(try ids.map { Float($0) } == expected.floats().suffix(length))
  }
}

@Test func `lengths are kept`() throws {
  let tokenizer = try tokenizer("t5")
  #expect(tokenizer.suggestedLength == 300)
  #expect(tokenizer.size == 500)
  #expect(try tokenizer.encode("a photo", length: 1).ids == [tokenizer.endID])
  #expect(throws: Failure("expected 1 ... 100000 tokens of a prompt, found length 0")) {
    try tokenizer.encode("a", length: 0)
  }
  for text in [
    String(repeating: "word ", count: 2000), String(repeating: "\u{FDFA}", count: 10_000),
  ] {
    let tokens = try tokenizer.encode(text, length: 120)
    #expect(tokens.ids.count == 120)
    #expect(tokens.ids.last == tokenizer.endID)
    #expect(tokens.mask.allSatisfy { $0 })
    #expect(try tokenizer.ids(of: text).count >= 1)
  }
  let odd = "\u{0}a\u{0}\u{FFFD}<<extra_id_<extra_id_7></s></s"
  let ids = try tokenizer.ids(of: odd)
  #expect(ids.contains(492))
  #expect(ids.count { $0 == tokenizer.endID } == 1)
}

/// Hunyuan-DiT's second tokenizer has no extra ids: their texts are cut into pieces as others are.
@Test func `extra ids can be none`() throws {
  let pieces = try #require(
    ModelConfig(References.path("sentencepiece/case.json")).json["tokenizers"]?[
      "mt5-bytefallback"]?[
        "pieces"]?.int)
  let folder = try TemporaryFolder()
  try FileManager.default.copyItem(
    atPath: References.path("sentencepiece/mt5-bytefallback/spiece.model"),
    toPath: folder.file("spiece.model"))
  try folder.write(
    "tokenizer_config.json",
    Data(#"{"extra_ids": 0, "model_max_length": 256, "legacy": true, "sp_model_kwargs": {}}"#.utf8))
  let tokenizer = try SentencePieceTokenizer(folder: folder.path)
  #expect(tokenizer.size == pieces)
  #expect(tokenizer.suggestedLength == 256)
  let record = try #require(
    records().first { $0.tokenizer == "mt5-bytefallback" && $0.prompt.hasSuffix("<extra_id_3> x") })
  let ids = try tokenizer.ids(of: "<extra_id_3> x")
  #expect(ids == record.sentencepiece_ids.suffix(ids.count))
  #expect(ids.count > 4)
}

/// The failure of opening a folder with this `spiece.model`, without the folder's name.
private func refusal(_ model: Data?, config: String = "{}") throws -> String {
  let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  try model?.write(to: folder.appending(path: "spiece.model"))
  try Data(config.utf8).write(to: folder.appending(path: "tokenizer_config.json"))
  do {
    let tokenizer = try SentencePieceTokenizer(folder: folder.path)
    _ = try tokenizer.ids(of: everyScalar)
    return "none"
  } catch let failure as Failure {
    return failure.description.replacing("\(folder.path)/", with: "")
  }
}

/// A text that looks into every corner of a normalization table.
private let everyScalar: String = {
  let scalars = (1..<0x3000).compactMap { Unicode.Scalar(UInt32($0)) }
  return String(String.UnicodeScalarView(scalars))
}()

@Test func `damaged models are refused`() throws {
  let good = try Data(
    contentsOf: URL(fileURLWithPath: References.path("sentencepiece/t5/spiece.model")))
  let start = "spiece.model: expected a SentencePiece model, found"
  #expect(try refusal(good) == "none")
  #expect(try refusal(nil) == "\(start) none")
  #expect(try refusal(Data()) == "\(start) unk is not defined.")
  #expect(
    try refusal(Data("<html>404</html>".utf8))
      == "\(start) damaged model or normalization table")
  for length in [1, 100, good.count / 2, good.count - 1] {
    #expect(try refusal(good.prefix(length)).hasPrefix(start), "\(length) bytes")
  }
  var generator = SystemRandomNumberGenerator()
  for _ in 0..<20 {
    let random = Data((0..<1000).map { _ in UInt8.random(in: 0...255, using: &generator) })
    #expect(try refusal(random).hasPrefix(start))
  }
  #expect(
    try refusal(good, config: "{\"pad_token\": {\"content\": \"[PAD]\"}}")
      == "spiece.model: expected a piece for pad_token [PAD], found none")
  #expect(
    try refusal(good, config: "{\"extra_ids\": -1}")
      == "tokenizer_config.json: extra_ids: expected 0 ... 10000, found -1")
  #expect(try refusal(good, config: "{\"model_max_length\": 1e30}") == "none")
}

/// Flipped bits in the normalization table, which lead the library itself out of bounds: refused or
/// harmless.
@Test func `flipped bits do not crash`() throws {
  let good = try Data(
    contentsOf: URL(fileURLWithPath: References.path("sentencepiece/t5/spiece.model")))
  var refused = 0
  for index in 0..<200 {
    var bad = good
    // A fixed walk over the file, a few bits at a time.
    for step in 0..<5 {
      let place = (index * 7919 * 31 + step * 104_729 * (index + 1)) % good.count
      bad[bad.startIndex + place] ^= UInt8(1) << UInt8((index + step) % 8)
    }
    if try refusal(bad) != "none" { refused += 1 }
  }
  #expect(refused > 0)
}

@Test func `prompts are prepared as Python does`() {
  #expect(preparedPrompt("  An Astronaut, 8K!\n") == "an astronaut, 8k!")
  #expect(preparedPrompt("") == "")
  #expect(preparedPrompt(" \u{1C}\u{A0}\u{3000}\u{85}x\u{1F}\u{2028}") == "x")
  // A zero-width space is no white space.
  #expect(preparedPrompt("\u{200B}A") == "\u{200B}a")
  // Python: "ΟΔΟΣ Σ ΑΣ. ΣΑ İ ẞ".lower() == "οδος σ ας. σα i̇ ß"
  #expect(
    Array(preparedPrompt("ΟΔΟΣ Σ ΑΣ. ΣΑ \u{130} \u{1E9E}").unicodeScalars)
      == Array("οδος σ ας. σα i\u{307} ß".unicodeScalars))
}
