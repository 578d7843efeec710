import Foundation
import Models
import Platform
import Tensors
import TestSupport
import Testing

/// The `bert` case: two texts, one of them padded.
private struct BertCase {
  let golden: ModelCase
  let ids: [Int32]
  let mask: [Bool]
  let batch: Int

  init() throws {
    golden = try ModelCase("bert")
    // Ids are far below 2^24, so f32 holds them.
    ids = try golden.floats("input_ids").map { Int32($0) }
    mask = try golden.floats("attention_mask").map { $0 == 1 }
    batch = try golden.shape("input_ids")[0]
  }

  func encode(_ encoder: BertEncoder, _ observer: Recorder? = nil) throws -> Matrix {
    try encoder.encode(
      [TextBatch(ids: ids, mask: mask, samples: batch)], observer: observer)[0]
  }
}

@Test func `BERT matches transformers`() throws {
  let test = try BertCase()
  let encoder = try BertEncoder(in: References.path("bert"))
  let recorder = Recorder()
  let output = try test.encode(encoder, recorder)
  #expect(output.rows == test.ids.count && output.columns == encoder.width)
  try test.golden.expect(output.values, matches: "output")

  let embedded = try #require(recorder.modules["embeddings"])
  try test.golden.expect(embedded, matches: "embeddings")
  let layers = test.golden.io.names.filter { $0.hasPrefix("layer") }
  #expect(try layers.count == test.golden.config.size("num_hidden_layers"))
  for layer in layers {
    let found = try #require(recorder.modules["encoder.layer.\(layer.dropFirst(5))"])
    try test.golden.expect(found, matches: layer)
  }
  #expect(recorder.sites.count == 4 * layers.count)
  let attention = "encoder.layer.1.attention.self"
  let site = try #require(recorder.sites.first { $0.name == "\(attention).qkv" })
  #expect(site.layers == ["query", "key", "value"].map { "\(attention).\($0)" })
  #expect(site.columns == encoder.width && site.samples == test.batch)
  #expect(site.valid == test.mask)
}

@Test func `BERT's tensors may be called as in older files`() throws {
  let test = try BertCase()
  let folder = try TemporaryFolder()
  try folder.write("config.json", test.golden.config.text.utf8)
  let output = try OutputFile(folder.file("model.safetensors"))
  try SafetensorsWriter.write(
    test.golden.weights.names.map { .init(try test.golden.weights.tensor($0), as: "bert.\($0)") },
    metadata: [:], to: output)
  try output.commit()
  let recorder = Recorder()
  let found = try test.encode(BertEncoder(in: folder.path), recorder)
  #expect(
    found.values == (try test.encode(BertEncoder(in: References.path("bert")))).values)
  #expect(recorder.modules["bert.encoder.layer.0"] != nil)
}

@Test func `BERT does not depend on threads or batch`() throws {
  let test = try BertCase()
  let encoder = try BertEncoder(in: References.path("bert"))
  let both = try test.encode(encoder).values
  let length = test.ids.count / test.batch
  let last = (test.batch - 1) * length
  let texts = try [last, 0].map { start in
    let range = start..<(start + length)
    return try TextBatch(ids: Array(test.ids[range]), mask: Array(test.mask[range]), samples: 1)
  }
  var layers = 0
  let alone = try encoder.encode(
    texts + [try TextBatch(ids: [5], mask: [true], samples: 1)], observer: nil
  ) { layers += 1 }
  #expect(alone[0].values == Array(both[(last * encoder.width)...]))
  #expect(alone[1].values == Array(both[..<(length * encoder.width)]))
  #expect(layers == encoder.blockCount)
  let threads = Parallel.threads
  Parallel.threads = 1
  defer { Parallel.threads = threads }
  #expect(try test.encode(encoder).values == both)
}

@Test func `BERT refuses bad ids, masks and lengths`() throws {
  let encoder = try BertEncoder(in: References.path("bert"))
  let file = References.path("bert/model.safetensors")
  for id in [-1, Int32(encoder.vocabulary), .max] {
    let failure = Failure(
      "\(file): embeddings.word_embeddings.weight",
      "expected token ids below \(encoder.vocabulary), found \(id)")
    #expect(throws: failure) {
      try encoder.encode([TextBatch(ids: [3, id, 1], mask: [true, true, true], samples: 1)])
    }
  }
  #expect(throws: Failure("text 0: expected real tokens, then padding")) {
    try TextBatch(ids: [3, 1], mask: [false, true], samples: 1)
  }
  let longest = encoder.longest
  func text(_ length: Int) throws -> TextBatch {
    try TextBatch(
      ids: Array(repeating: 5, count: length), mask: Array(repeating: true, count: length),
      samples: 1)
  }
  _ = try encoder.encode([text(longest)])
  let failure = Failure(
    "\(file): embeddings.position_embeddings.weight",
    "expected at most \(longest) tokens, found \(longest + 1)")
  #expect(throws: failure) {
    try encoder.encode([text(longest + 1)])
  }
}

@Test func `other BERTs are refused`() throws {
  let golden = try ModelCase("bert")
  func failure(_ key: String, _ value: String) throws -> String {
    try golden.refusal(changing: key, to: value) { _ = try BertEncoder(in: $0) }
  }
  for (key, word, known) in [
    ("hidden_act", "gelu_new", "gelu"), ("position_embedding_type", "relative_key", "absolute"),
    ("model_type", "roberta", "bert"),
  ] {
    #expect(
      try failure(key, "\"\(word)\"")
        == "config.json: \(key): expected \(known), found \(word)")
  }
  for key in ["is_decoder", "add_cross_attention"] {
    #expect(try failure(key, "true") == "config.json: \(key): expected false, found true")
  }
  let layers = try golden.config.size("num_hidden_layers")
  let width = try golden.config.size("hidden_size")
  let vocabulary = try golden.config.size("vocab_size")
  #expect(
    try failure("num_hidden_layers", "\(layers + 1)").hasSuffix(
      "expected tensor encoder.layer.\(layers).attention.self.query.weight, found none"))
  #expect(
    try failure("vocab_size", "\(vocabulary + 1)")
      == "model.safetensors: embeddings.word_embeddings.weight: expected shape "
      + "[\(vocabulary + 1), \(width)], found [\(vocabulary), \(width)]")
  #expect(
    try failure("num_attention_heads", "\(width + 1)")
      == "config.json: num_attention_heads: expected a divisor of hidden_size \(width), "
      + "found \(width + 1)")
  for key in [
    "hidden_size", "intermediate_size", "max_position_embeddings", "num_hidden_layers",
    "type_vocab_size",
  ] {
    #expect(
      try failure(key, "9223372036854775807")
        == "config.json: \(key): expected at most 65536, found 9223372036854775807")
    #expect(
      try failure(key, "0") == "config.json: \(key): expected a positive whole number, found 0")
  }
}
