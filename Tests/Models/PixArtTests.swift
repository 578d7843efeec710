import Layers
import Models
import Platform
import Tensors
import TestSupport
import Testing

/// The transformer against diffusers' outputs for small random models (Tests/References/pixart-*).
@Suite(.serialized) struct PixArtTests {
  static let cases = ["pixart-sigma", "pixart-alpha", "pixart-nonsquare"]

  @Test(arguments: cases)
  func `outputs match diffusers`(_ name: String) throws {
    let golden = try ModelCase(name)
    let model = try PixArtTransformer(
      TransformerParts(config: golden.config, weights: golden.weights))
    #expect(model.config.usesSizeConditions == (golden.io.find("resolution") != nil))
    let recorder = Recorder()
    let output = try PixArtCall(golden)(model, observer: recorder)
    try golden.expect(output, matches: "output")

    var inner = [
      "patch_and_pos": "pos_embed", "adaln6": "adaln_single",
      "embedded_timestep": "adaln_single.emb", "caption_projection": "caption_projection",
      "block0.attn1": "transformer_blocks.0.attn1", "block0.attn2": "transformer_blocks.0.attn2",
      "block0.ff": "transformer_blocks.0.ff", "proj_out": "proj_out",
    ]
    for index in 0..<model.config.layers { inner["block\(index)"] = "transformer_blocks.\(index)" }
    for (tensor, module) in inner.sorted(by: { $0.key < $1.key }) {
      try golden.expect(#require(recorder.modules[module]), matches: tensor)
    }
    #expect(try PixArtCall(golden)(model) == output, "an observer changes nothing")
  }

  @Test(arguments: cases)
  func `threads change nothing`(_ name: String) throws {
    let golden = try ModelCase(name)
    let model = try PixArtTransformer(
      TransformerParts(config: golden.config, weights: golden.weights))
    let threads = Parallel.threads
    defer { Parallel.threads = threads }
    let outputs = try [1, 2, 5].map { count in
      Parallel.threads = count
      return try PixArtCall(golden)(model)
    }
    #expect(outputs[0] == outputs[1])
    #expect(outputs[0] == outputs[2])
  }

  @Test func `every linear layer is seen once`() throws {
    let golden = try ModelCase("pixart-alpha")
    let model = try PixArtTransformer(
      TransformerParts(config: golden.config, weights: golden.weights))
    let recorder = Recorder()
    _ = try PixArtCall(golden)(model, observer: recorder)
    // The resolution embedder reads height and width as two rows of one call.
    let layers = recorder.sites.flatMap(\.layers)
    let weights = golden.weights.names.filter { $0.hasSuffix(".weight") }
    #expect(layers.map { "\($0).weight" }.sorted() == weights)
    for site in recorder.sites {
      let shape = try golden.weights.tensor("\(site.layers[0]).weight").shape
      #expect(site.columns == shape.dropFirst().reduce(1, *), "\(site.name)")
    }

    let shared = try #require(
      recorder.sites.first { $0.name == "transformer_blocks.1.attn1.qkv" })
    #expect(
      shared.layers == ["to_q", "to_k", "to_v"].map { "transformer_blocks.1.attn1.\($0)" })
    // Conditions that all samples share are one row each.
    let ratio = try #require(
      recorder.sites.first { $0.name.contains("aspect_ratio_embedder.linear_1") })
    #expect(ratio.rows == 1 && ratio.samples == 1)
    #expect(shared.samples == (try PixArtCall(golden).latents.samples))
    let text = try #require(recorder.sites.first { $0.name == "transformer_blocks.1.attn2.kv" })
    #expect(text.valid == (try golden.floats("encoder_attention_mask").map { $0 != 0 }))
  }

  @Test func `padding of all samples is dropped`() throws {
    let golden = try ModelCase("pixart-nonsquare")
    let model = try PixArtTransformer(
      TransformerParts(config: golden.config, weights: golden.weights))
    let states = Matrix(
      rows: 6, columns: model.config.captionChannels,
      values: try golden.floats("encoder_hidden_states"))
    let used = [true, false, true, true, false, false]
    func tokens(_ mask: [Bool]) -> Int {
      let text = EncodedText(states: states, mask: mask)
      return model.projectText([EncodedPrompt(prompt: "", texts: [text])], observer: nil).tokens
    }
    #expect(tokens(used) == 4)
    // Without any real token the original attends evenly to all of them.
    #expect(tokens(used.map { _ in false }) == 6)
  }

  @Test(arguments: [
    ("_class_name", "\"HunyuanDiT2DModel\""), ("norm_type", "\"layer_norm\""),
    ("activation_fn", "\"geglu\""), ("attention_type", "\"gated\""),
    ("attention_bias", "false"), ("norm_elementwise_affine", "true"),
    ("only_cross_attention", "true"), ("cross_attention_dim", "52"), ("num_layers", "0"),
    ("num_layers", "1.5"), ("num_attention_heads", "9223372036854775807"),
    ("caption_channels", "null"), ("patch_size", "200"), ("interpolation_scale", "0"),
    ("sample_size", "-1"),
  ])
  func `unsupported settings are refused by name`(_ key: String, _ value: String) throws {
    let golden = try ModelCase("pixart-alpha")
    let failure = #expect(throws: Failure.self) {
      try PixArtTransformer(
        TransformerParts(
          config: golden.config(changing: key, to: value), weights: golden.weights))
    }
    #expect(failure?.description.contains(".json: \(key): expected ") == true)
  }

  @Test func `absent keys follow the rules of the original`() throws {
    let golden = try ModelCase("pixart-alpha")
    let alpha = try PixArtConfig(golden.config, weights: golden.weights)
    #expect(alpha.usesSizeConditions)
    #expect(alpha.interpolationScale == 2)
    for (size, scale) in [("64", 1.0), ("32", 1), ("256", 4)] {
      let other = try PixArtConfig(
        golden.config(changing: "sample_size", to: size), weights: golden.weights)
      #expect(other.interpolationScale == scale)
    }
  }

  /// Early files of Sigma leave the key out: there the original asks for tensors that are not there.
  @Test func `without a key the tensors say whether sizes are read`() throws {
    let (golden, sigma) = (try ModelCase("pixart-alpha"), try ModelCase("pixart-sigma"))
    let key = "use_additional_conditions"
    #expect(golden.config.json[key] == .null)
    #expect(try !PixArtConfig(golden.config, weights: sigma.weights).usesSizeConditions)
    for (value, weights) in [("false", golden.weights), ("true", sigma.weights)] {
      let config = try PixArtConfig(golden.config(changing: key, to: value), weights: weights)
      #expect(config.usesSizeConditions == (value == "true"))
    }
  }

  @Test func `missing and misshapen tensors are refused`() throws {
    let golden = try ModelCase("pixart-alpha")
    // Every tensor of the file is needed: without any one of them there is no model.
    for name in golden.weights.names {
      let source = AlteredSource(base: golden.weights, removed: [name])
      #expect(throws: Failure(source.path, "expected tensor \(name), found none")) {
        try PixArtTransformer(TransformerParts(config: golden.config, weights: source))
      }
      let odd = Tensor(name: name, dtype: .f32, shape: [3], values: [Float](repeating: 0, count: 3))
      #expect(throws: Failure.self, "\(name)") {
        try PixArtTransformer(
          TransformerParts(
            config: golden.config,
            weights: AlteredSource(base: golden.weights, replaced: [name: odd])))
      }
    }
  }

  @Test func `the example model runs`() throws {
    let folder = "\(References.folder)/../../examples/emoji-pixart/transformer"
    let model = try PixArtTransformer(
      TransformerParts(
        config: ModelConfig("\(folder)/config.json"), weights: Checkpoint(folder: folder)))
    let text = EncodedText(
      states: Matrix(rows: 24, columns: model.config.captionChannels, zeroed: true),
      mask: (0..<24).map { $0 < 3 })
    let prompt = EncodedPrompt(prompt: "", texts: [text])
    let values = (0..<2048).map { (index: Int) -> Float in Float(index * 7919 % 2003) / 1001 - 1 }
    let output = model.forward(
      Latents(samples: 2, channels: 4, height: 16, width: 16, values: values),
      timesteps: [500, 500], text: model.prepareText([prompt, prompt])
    ).values
    #expect(output.count == 2 * 8 * 16 * 16)
    #expect(output.allSatisfy { $0.isFinite })
  }
}
