import Kernels
import Layers
import Models
import Platform
import Tensors
import TestSupport
import Testing

/// The transformer against diffusers' outputs for small random models (Tests/References/hunyuan-*).
@Suite(.serialized) struct HunyuanTests {
  static let cases = ["hunyuan-v1.1", "hunyuan-v1.2"]

  private func model(_ golden: ModelCase) throws -> HunyuanTransformer {
    try HunyuanTransformer(TransformerParts(config: golden.config, weights: golden.weights))
  }

  @Test(arguments: cases)
  func `outputs match diffusers`(_ name: String) throws {
    let golden = try ModelCase(name)
    let model = try model(golden)
    let isTold = try golden.config.bool("use_style_cond_and_image_meta_size")
    #expect(model.usesSizeConditions == isTold)
    let recorder = Recorder()
    let output = try HunyuanCall(golden)(model, observer: recorder)
    try golden.expect(output, matches: "output")

    var inner = [
      "patch_embed": "pos_embed", "temb": "time_extra_emb", "pooled": "time_extra_emb.pooler",
      "timestep_embedder": "time_extra_emb.timestep_embedder",
      "extra_embedder": "time_extra_emb.extra_embedder", "text_embedder": "text_embedder",
      "norm_out": "norm_out", "proj_out": "proj_out", "block0.attn1": "blocks.0.attn1",
      "block0.attn2": "blocks.0.attn2", "block0.ff": "blocks.0.ff",
    ]
    for index in 0..<model.config.layers { inner["block\(index)"] = "blocks.\(index)" }
    for (tensor, module) in inner.sorted(by: { $0.key < $1.key }) {
      try golden.expect(#require(recorder.modules[module], "\(module)"), matches: tensor)
    }
    // No module of ours: what the attention's projections read.
    try golden.expect(#require(recorder.inputs["blocks.0.attn1.qkv"]), matches: "block0.norm1")
    #expect(try HunyuanCall(golden)(model) == output, "an observer changes nothing")
  }

  @Test(arguments: cases)
  func `positions match diffusers`(_ name: String) throws {
    let golden = try ModelCase(name)
    let model = try model(golden)
    let (latents, patch) = (try HunyuanCall(golden).latents, model.patchSize)
    let positions = HunyuanPositions(
      gridHeight: latents.height / patch, gridWidth: latents.width / patch, base: 64 / patch)
    guard case .array(let region)? = golden.facts["rope_region"] else {
      Issue.record("a case without its region")
      return
    }
    func corner(_ index: Int) -> [Int] {
      if case .array(let corner) = region[index] { corner.compactMap(\.int) } else { [] }
    }
    #expect(corner(0) == [positions.rows.lowerBound, positions.columns.lowerBound])
    #expect(corner(1) == [positions.rows.upperBound, positions.columns.upperBound])
    let embedding = positions.embedding(headSize: model.config.headSize)
    // Angles up to 32 are off by a rounding or two of f32, 2^-19 each.
    let tolerance: Float = 4 * 0x1p-19
    #expect(
      largestDifference(embedding.cosines.values, try golden.floats("rope_cos")) <= tolerance)
    #expect(largestDifference(sines(embedding), try golden.floats("rope_sin")) <= tolerance)
  }

  /// The sines without the sign of a pair's first channel.
  private func sines(_ embedding: RotaryEmbedding) -> [Float] {
    embedding.sines.values.enumerated().map { $0 % 2 == 0 ? -$1 : $1 }
  }

  /// At the real head size, some channels of the first row and column of each supported size.
  @Test func `positions of all sizes match diffusers`() throws {
    let io = try References.tensors("embeddings/io.safetensors")
    let facts = try #require(ModelConfig(References.path("embeddings/case.json")).json["hunyuan"])
    guard case .object(let regions)? = facts["regions"], case .array(let dims)? = facts["dims"]
    else {
      Issue.record("a case without its sizes")
      return
    }
    let headSize = try #require(facts["head_dim"]?.int)
    #expect(regions.count >= 9)
    for size in regions.map(\.key) {
      let sides = size.split(separator: "x").compactMap { Int($0) }
      let (height, width) = (sides[0] / 16, sides[1] / 16)
      let embedding = HunyuanPositions(gridHeight: height, gridWidth: width, base: 32)
        .embedding(headSize: headSize)
      let (cosines, sines) = (embedding.cosines.values, sines(embedding))
      for (name, tokens) in [
        ("row0", (0..<width).map { $0 }), ("col0", (0..<height).map { $0 * width }),
      ] {
        for (function, values) in [("cos", cosines), ("sin", sines)] {
          let found = tokens.flatMap { token in
            dims.compactMap(\.int).map { values[token * headSize + $0] }
          }
          let golden = try io.tensor("hunyuan.\(size).\(function)_\(name)").floats()
          #expect(largestDifference(found, golden) <= 4 * 0x1p-19, "\(size) \(function) \(name)")
        }
      }
    }
  }

  @Test func `threads change nothing`() throws {
    let golden = try ModelCase("hunyuan-v1.1")
    let model = try model(golden)
    let threads = Parallel.threads
    defer { Parallel.threads = threads }
    let outputs = try [1, 2, 5].map { count in
      Parallel.threads = count
      return try HunyuanCall(golden)(model)
    }
    #expect(outputs[0] == outputs[1] && outputs[0] == outputs[2])
  }

  @Test(arguments: cases)
  func `every linear layer is seen once`(_ name: String) throws {
    let golden = try ModelCase(name)
    let model = try model(golden)
    let recorder = Recorder()
    _ = try HunyuanCall(golden)(model, observer: recorder)
    let layers = recorder.sites.flatMap(\.layers)
    let norms = ["norm_q", "norm_k", "norm1.norm", "norm2", "norm3", "skip_norm", "style_embedder"]
    let weights = golden.weights.names.filter { name in
      name.hasSuffix(".weight") && !norms.contains { name.contains("\($0).") }
    }
    #expect(layers.map { "\($0).weight" }.sorted() == weights)
    #expect(layers.sorted() == model.linears.map(\.name).sorted())
    for site in recorder.sites {
      let shape = try golden.weights.tensor("\(site.layers[0]).weight").shape
      #expect(site.columns == shape.dropFirst().reduce(1, *), "\(site.name)")
    }
    // Padding has a vector of its own here, which all blocks read.
    let text = try #require(recorder.sites.first { $0.name == "blocks.0.attn2.kv" })
    #expect(text.valid == nil && text.rows == 2 * (model.config.textLength + model.config.t5Length))
    let embedder = try #require(recorder.sites.first { $0.name == "text_embedder.linear_1" })
    #expect(embedder.valid == (try golden.floats("text_embedding_mask_t5").map { $0 != 0 }))
  }

  @Test(arguments: [
    ("_class_name", "\"HunyuanDiT2DControlNetModel\""), ("norm_type", "\"ada_norm_single\""),
    ("activation_fn", "\"geglu\""), ("hidden_size", "52"), ("num_layers", "5"),
    ("num_layers", "0"), ("num_attention_heads", "9223372036854775807"),
    ("attention_head_dim", "6"), ("cross_attention_dim_t5", "20"), ("patch_size", "200"),
    ("mlp_ratio", "0"), ("mlp_ratio", "1e300"), ("in_channels", "null"), ("text_len", "-1"),
  ])
  func `unsupported settings are refused by name`(_ key: String, _ value: String) throws {
    let golden = try ModelCase("hunyuan-v1.2")
    let failure = #expect(throws: Failure.self) {
      try HunyuanTransformer(
        TransformerParts(
          config: golden.config(changing: key, to: value), weights: golden.weights))
    }
    let text = failure?.description ?? ""
    // Where the width follows from a setting, the width is what does not fit.
    #expect(text.contains(".json: \(key): expected ") || text.contains("hidden_size"), "\(text)")
  }

  @Test func `missing and misshapen tensors are refused`() throws {
    let golden = try ModelCase("hunyuan-v1.1")
    for name in golden.weights.names {
      let source = AlteredSource(base: golden.weights, removed: [name])
      #expect(throws: Failure(source.path, "expected tensor \(name), found none")) {
        try HunyuanTransformer(TransformerParts(config: golden.config, weights: source))
      }
      let odd = Tensor(name: name, dtype: .f32, shape: [3], values: [Float](repeating: 0, count: 3))
      #expect(throws: Failure.self, "\(name)") {
        try HunyuanTransformer(
          TransformerParts(
            config: golden.config,
            weights: AlteredSource(base: golden.weights, replaced: [name: odd])))
      }
    }
  }
}
