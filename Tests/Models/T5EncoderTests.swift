import Foundation
import Models
import Platform
import Tensors
import TestSupport
import Testing

private struct Case {
  let ids: [Int32]
  let mask: [Bool]
  let batch: Int
  let file: SafetensorsFile

  /// All its texts at once.
  var text: TextBatch { get throws { try TextBatch(ids: ids, mask: mask, samples: batch) } }

  /// Its texts one by one.
  var texts: [TextBatch] {
    get throws {
      let length = ids.count / batch
      return try (0..<batch).map { text in
        let range = (text * length)..<((text + 1) * length)
        return try TextBatch(ids: Array(ids[range]), mask: Array(mask[range]), samples: 1)
      }
    }
  }

  init(_ name: String) throws {
    file = try References.tensors("\(name)/io.safetensors")
    let tensor = try file.tensor("input_ids")
    // Ids are far below 2^24, so f32 holds them.
    ids = try tensor.floats().map { Int32($0) }
    mask = try file.tensor("attention_mask").floats().map { $0 == 1 }
    batch = tensor.shape[0]
  }
}

/// The output at the case's tolerance, and each block's at the same fraction of its own largest
/// value.
@Test(arguments: ["t5-a", "t5-b", "mt5"])
func `encoder matches transformers`(_ name: String) throws {
  let test = try Case(name)
  let config = try ModelConfig(References.path("\(name)/case.json"))
  let tolerance = Float(try #require(config.json["tolerance"]?["abs"]?.double))
  let largest = Float(try #require(config.json["tolerance"]?["output_max_abs"]?.double))
  let encoder = try T5Encoder(in: References.path(name))
  let recorder = Recorder()
  let output = try encoder.encode([test.text], observer: recorder)[0]
  #expect(output.rows == test.ids.count)
  #expect(output.columns == encoder.width)
  let expected = try test.file.tensor("output").floats()
  #expect(largestDifference(output.values, expected) <= tolerance)

  let blocks = test.file.names.filter { $0.hasPrefix("block") }
  #expect(!blocks.isEmpty)
  for block in blocks {
    let expected = try test.file.tensor(block).floats()
    let found = try #require(recorder.modules["encoder.block.\(block.dropFirst(5))"])
    let own = expected.reduce(0) { max($0, abs($1)) }
    #expect(largestDifference(found, expected) <= tolerance / largest * own, "\(block)")
  }
  #expect(recorder.modules["encoder.final_layer_norm"] == output.values)
  #expect(recorder.sites.count == 4 * blocks.count)
  let site = try #require(
    recorder.sites.first { $0.name == "encoder.block.1.layer.0.SelfAttention.qkv" })
  #expect(site.layers == ["q", "k", "v"].map { "encoder.block.1.layer.0.SelfAttention.\($0)" })
  #expect(site.columns == encoder.width)
  #expect(site.valid == test.mask)
}

@Test(arguments: ["t5-a", "t5-b", "mt5"])
func `position bias matches transformers`(_ name: String) throws {
  let config = try ModelConfig(References.path("\(name)/config.json"))
  let first = try References.tensors("\(name)/io.safetensors").tensor("position_bias_row0")
  let last = try References.tensors("\(name)/io.safetensors").tensor("position_bias_last")
  let (heads, length) = (first.shape[0], first.shape[1])
  let table = try RelativePositionBias(
    "encoder.block.0.layer.0.SelfAttention.relative_attention_bias",
    buckets: config.size("relative_attention_num_buckets"),
    maxDistance: config.size("relative_attention_max_distance"), heads: heads,
    from: Checkpoint(folder: References.path(name))
  ).table(length: length)
  for head in 0..<heads {
    let row = Array(UnsafeBufferPointer(start: table.row(head), count: table.columns))
    let keys = (head * length)..<((head + 1) * length)
    #expect(Array(row[(length - 1)...]) == Array(try first.floats()[keys]))
    #expect(Array(row[..<length]) == Array(try last.floats()[keys]))
  }
}

/// Magnitudes at which the bucket changes, by running `T5Attention._relative_position_bucket` of
/// transformers.
@Test func `buckets change where transformers changes them`() throws {
  let bias = try RelativePositionBias(
    "encoder.block.0.layer.0.SelfAttention.relative_attention_bias", buckets: 32, maxDistance: 128,
    heads: 3, from: Checkpoint(folder: References.path("t5-a")))
  let borders = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91]
  for magnitude in 0...2000 {
    let bucket = try #require(borders.lastIndex { $0 <= magnitude })
    #expect(bias.bucket(-magnitude) == bucket)
    #expect(magnitude == 0 || bias.bucket(magnitude) == 16 + bucket)
  }
}

@Test func `encoding does not depend on threads or batch`() throws {
  let test = try Case("t5-a")
  let encoder = try T5Encoder(in: References.path("t5-a"))
  let both = try encoder.encode([test.text])[0].values
  let threads = Parallel.threads
  Parallel.threads = 1
  defer { Parallel.threads = threads }
  #expect(try encoder.encode([test.text])[0].values == both)
}

/// Of texts of several lengths, in any order and number.
@Test func `each text has the states that it has alone, whatever the others are`() throws {
  let encoder = try T5Encoder(in: References.path("t5-a"))
  let whole = try Case("t5-a").texts
  let short = try TextBatch(ids: [7, 1], mask: [true, true], samples: 1)
  let texts = [short] + whole + [try TextBatch(ids: [1], mask: [true], samples: 1)]
  let alone = try texts.map { try encoder.encode([$0])[0].values }
  #expect(Set(alone).count == texts.count)
  var blocks = 0
  let together = try encoder.encode(texts, observer: nil) { blocks += 1 }
  #expect(together.map(\.values) == alone)
  #expect(blocks == encoder.blockCount)
  #expect(try encoder.encode(texts.reversed()).map(\.values) == alone.reversed())
  #expect(try encoder.encode([]).isEmpty)
}

/// A block's weights are asked for by the texts one after the other, before the next block's.
@Test func `a block runs over all texts before the next one does`() throws {
  let encoder = try T5Encoder(in: References.path("t5-a"))
  let texts = try Case("t5-a").texts
  try #require(texts.count > 1 && encoder.blockCount > 1)
  let recorder = Recorder()
  _ = try encoder.encode(texts, observer: recorder)
  let blocks = recorder.sites.map { $0.layers[0].split(separator: ".")[2] }
  let expected = (0..<encoder.blockCount).flatMap {
    Array(repeating: Substring("\($0)"), count: 4 * texts.count)
  }
  #expect(blocks == expected)
}

/// Of three blocks of half a megabyte each, one at a time is in memory.
@Test func `blocks are let go behind`() throws {
  let (width, inner, hidden, layers) = (64, 32, 512, 3)
  let folder = try TemporaryFolder()
  try folder.write(
    "config.json",
    """
    {"d_model": \(width), "d_ff": \(hidden), "d_kv": 16, "num_heads": 2, "vocab_size": 20,
     "num_layers": \(layers), "feed_forward_proj": "gated-gelu"}
    """.utf8)
  var random = Generator(1)
  func tensor(_ name: String, _ shape: Int...) -> Tensor {
    Tensor(
      name: "\(name).weight", dtype: .f32, shape: shape,
      values: random.floats(shape.reduce(1, *), range: 0.1))
  }
  var tensors = [
    tensor("shared", 20, width), tensor("encoder.final_layer_norm", width),
    tensor("encoder.block.0.layer.0.SelfAttention.relative_attention_bias", 32, 2),
  ]
  for block in 0..<layers {
    let (attention, feedForward) = ("0.SelfAttention", "1.DenseReluDense")
    tensors += [
      ("0.layer_norm", [width]), ("1.layer_norm", [width]), ("\(attention).q", [inner, width]),
      ("\(attention).k", [inner, width]), ("\(attention).v", [inner, width]),
      ("\(attention).o", [width, inner]), ("\(feedForward).wi_0", [hidden, width]),
      ("\(feedForward).wi_1", [hidden, width]), ("\(feedForward).wo", [width, hidden]),
    ].map { name, shape in
      Tensor(
        name: "encoder.block.\(block).layer.\(name).weight", dtype: .f32, shape: shape,
        values: random.floats(shape.reduce(1, *), range: 0.1))
    }
  }
  try save(folder.file("model.safetensors"), tensors)
  let name = URL(fileURLWithPath: folder.path).lastPathComponent + "/model.safetensors"
  let size = 4 * (4 * inner * width + 3 * hidden * width)
  let encoder = try T5Encoder(in: folder.path)
  let texts = try (2..<6).map {
    try TextBatch(
      ids: Array(repeating: Int32($0), count: $0), mask: Array(repeating: true, count: $0),
      samples: 1)
  }
  var resident: [Int] = []
  let states = try encoder.encode(texts, observer: nil) {
    resident.append((try? residentBytes(ofFile: name)) ?? -1)
  }
  #expect(states.allSatisfy { $0.values.allSatisfy(\.isFinite) })
  // What was read at opening lies around the norms, and has brought its neighbours; the pages at a
  // tensor's ends stay.
  #expect(resident.count == layers)
  #expect(resident.allSatisfy { (size * 9 / 10..<2 * size).contains($0) }, "\(resident)")
  #expect(try residentBytes(ofFile: name) < size / 2)
}

@Test func `bad ids and masks are refused`() throws {
  let encoder = try T5Encoder(in: References.path("mt5"))
  let place = References.path("mt5/model.safetensors") + ": encoder.embed_tokens.weight"
  for id in [-1, Int32(encoder.vocabulary), .max] {
    let failure = Failure(place, "expected token ids below \(encoder.vocabulary), found \(id)")
    #expect(throws: failure) {
      try encoder.encode([TextBatch(ids: [3, id, 1], mask: [true, true, true], samples: 1)])
    }
  }
  for mask in [[false, false], [false, true]] {
    #expect(throws: Failure("text 0: expected real tokens, then padding")) {
      try TextBatch(ids: [3, 1], mask: mask, samples: 1)
    }
  }
}

private func failure(changing key: String, to value: String) throws -> String {
  try ModelCase("mt5").refusal(changing: key, to: value) { _ = try T5Encoder(in: $0) }
}

@Test func `unsupported encoders are refused`() throws {
  #expect(
    try failure(changing: "feed_forward_proj", to: "\"relu\"")
      == "config.json: feed_forward_proj: expected gated-gelu, found relu")
  #expect(
    try failure(changing: "model_type", to: "\"umt5\"")
      == "config.json: model_type: expected t5 or mt5, found umt5")
  #expect(try failure(changing: "model_type", to: "null") == "none")
  #expect(
    try failure(changing: "num_layers", to: "3").hasSuffix(
      "expected tensor encoder.block.2.layer.0.layer_norm.weight, found none"))
  #expect(
    try failure(changing: "vocab_size", to: "201")
      == "model.safetensors: encoder.embed_tokens.weight: expected shape [201, 16], found [200, 16]"
  )
  #expect(
    try failure(changing: "num_heads", to: "4")
      == "model.safetensors: encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight: "
      + "expected shape [32, 4], found [32, 2]")
  #expect(
    try failure(changing: "d_kv", to: "9223372036854775807")
      == "config.json: d_kv: expected at most 65536, found 9223372036854775807")
  #expect(
    try failure(changing: "relative_attention_num_buckets", to: "2").hasPrefix(
      "config.json: relative_attention_num_buckets: expected at least 4"))
  #expect(
    try failure(changing: "d_model", to: "0")
      == "config.json: d_model: expected a positive whole number, found 0")
}
