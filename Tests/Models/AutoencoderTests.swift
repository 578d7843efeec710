import Layers
import Models
import Platform
import Tensors
import TestSupport
import Testing

/// The autoencoder against diffusers' outputs for small random models (Tests/References/vae-*).
@Suite(.serialized) struct AutoencoderTests {
  static let cases = ["vae-f8", "vae-f4", "vae-oldkeys"]

  static func decode(
    _ golden: ModelCase, _ model: AutoencoderKL, observer: (any LayerObserver)? = nil
  ) throws -> [Float] {
    model.decode(try latents(golden), observer: observer)
  }

  /// The case's latents.
  static func latents(_ golden: ModelCase) throws -> Latents {
    let shape = try golden.shape("latents")
    return Latents(
      samples: shape[0], channels: shape[1], height: shape[2], width: shape[3],
      values: try golden.floats("latents"))
  }

  static func encode(
    _ golden: ModelCase, _ model: AutoencoderKL, observer: (any LayerObserver)? = nil
  ) throws -> [Float] {
    let shape = try golden.shape("image")
    return model.encodeMoments(
      try golden.floats("image"), batch: shape[0], height: shape[2], width: shape[3],
      observer: observer)
  }

  /// Rows [pixels][channels] as planes [channels][pixels].
  static func planes(_ rows: [Float], channels: Int) -> [Float] {
    let area = rows.count / channels
    return (0..<rows.count).map { rows[$0 % area * channels + $0 / area] }
  }

  /// Expects the modules a recorder saw to be within tolerance of the golden tensors.
  static func expect(
    _ recorder: Recorder, matches inner: [String: String], of golden: ModelCase
  ) throws {
    for (tensor, module) in inner.sorted(by: { $0.key < $1.key }) {
      let rows = try #require(recorder.modules[module], "\(module)")
      try golden.expect(
        planes(rows, channels: golden.shape(tensor)[1]), matches: tensor)
    }
  }

  @Test(arguments: cases)
  func `decoding matches diffusers`(_ name: String) throws {
    let golden = try ModelCase(name)
    let model = try AutoencoderKL(config: golden.config, weights: golden.weights)
    let factor = try #require(golden.facts["scaling_factor"]?.double)
    #expect(model.config.scalingFactor == Float(factor))
    #expect(model.config.downsampling == golden.facts["downsampling"]?.int)
    let recorder = Recorder()
    try golden.expect(Self.decode(golden, model, observer: recorder), matches: "decoded")

    var inner = [
      "post_quant": "post_quant_conv", "dec.conv_in": "decoder.conv_in",
      "dec.mid_attn": "decoder.mid_block.attentions.0", "dec.mid": "decoder.mid_block",
    ]
    for index in model.config.levels.indices {
      inner["dec.up\(index)"] = "decoder.up_blocks.\(index)"
    }
    try Self.expect(recorder, matches: inner, of: golden)
  }

  @Test(arguments: cases)
  func `encoding matches diffusers`(_ name: String) throws {
    let golden = try ModelCase(name)
    let model = try AutoencoderKL(
      config: golden.config, weights: golden.weights, withEncoder: true)
    let recorder = Recorder()
    let moments = try Self.encode(golden, model, observer: recorder)
    try golden.expect(Array(moments[..<(moments.count / 2)]), matches: "moments_mean")
    try golden.expect(Array(moments[(moments.count / 2)...]), matches: "moments_logvar")

    var inner = [
      "enc.conv_in": "encoder.conv_in", "enc.mid": "encoder.mid_block", "quant_conv": "quant_conv",
    ]
    for index in model.config.levels.indices {
      inner["enc.down\(index)"] = "encoder.down_blocks.\(index)"
    }
    try Self.expect(recorder, matches: inner, of: golden)
  }

  /// Maps that never lie in memory as a whole: still diffusers' picture, and on one of several
  /// strips the very bits of maps that do.
  @Test(arguments: cases)
  func `little memory changes no bit`(_ name: String) throws {
    let golden = try ModelCase(name)
    let models = try [0, 1 << 20, Int.max].map {
      try AutoencoderKL(
        config: golden.config, weights: golden.weights, withEncoder: true, memoryLimit: $0)
    }
    try golden.expect(Self.decode(golden, models[0]), matches: "decoded")
    #expect(
      try Self.encode(golden, models[0]) == Self.encode(golden, models[2]))
    let (height, width) = (28, 44)
    var random = Generator(71)
    let latents = Latents(
      channels: models[0].config.latentChannels, height: height, width: width,
      values: random.floats(models[0].config.latentChannels * height * width))
    let pictures = models.map { $0.decode(latents) }
    #expect(pictures[0] == pictures[2] && pictures[1] == pictures[2])
  }

  @Test func `tiled decoding matches diffusers`() throws {
    let golden = try ModelCase("vae-f8")
    let model = try AutoencoderKL(config: golden.config, weights: golden.weights)
    try golden.expect(model.decodeTiled(Self.latents(golden)), matches: "decoded_tiled")
  }

  @Test func `tiles of fractions of latents are refused`() throws {
    let golden = try ModelCase("vae-f8")
    let model = try AutoencoderKL(
      config: golden.config(changing: "sample_size", to: "40"), weights: golden.weights)
    #expect(
      throws: Failure(
        "tiled decoding: expected a VAE sample_size that is a multiple of 32, found 40")
    ) { try model.decodeTiled(Self.latents(golden)) }
  }

  @Test(arguments: cases)
  func `threads change nothing`(_ name: String) throws {
    let golden = try ModelCase(name)
    let model = try AutoencoderKL(
      config: golden.config, weights: golden.weights, withEncoder: true)
    let threads = Parallel.threads
    defer { Parallel.threads = threads }
    let results = try [1, 2, 5].map { count in
      Parallel.threads = count
      return try Self.decode(golden, model) + Self.encode(golden, model)
    }
    #expect(results[0] == results[1])
    #expect(results[0] == results[2])
  }

  @Test func `a batch is decoded picture by picture`() throws {
    let golden = try ModelCase("vae-f4")
    let model = try AutoencoderKL(config: golden.config, weights: golden.weights)
    let latents = try Self.latents(golden)
    let mirrored = latents.with(latents.values.reversed())
    let both = Latents(
      samples: 2 * latents.samples, channels: latents.channels, height: latents.height,
      width: latents.width, values: latents.values + mirrored.values)
    #expect(model.decode(both) == model.decode(latents) + model.decode(mirrored))
  }

  @Test func `missing and misshapen tensors are refused`() throws {
    for name in ["vae-f4", "vae-oldkeys"] {
      let golden = try ModelCase(name)
      for tensor in golden.weights.names {
        let removed = AlteredSource(base: golden.weights, removed: [tensor])
        let odd = Tensor(
          name: tensor, dtype: .f32, shape: [7, 1], values: [Float](repeating: 0, count: 7))
        let replaced = AlteredSource(base: golden.weights, replaced: [tensor: odd])
        for source in [removed, replaced] {
          #expect(throws: Failure.self, "\(tensor)") {
            try AutoencoderKL(config: golden.config, weights: source, withEncoder: true)
          }
        }
      }
    }
  }

  @Test(arguments: [
    ("act_fn", "\"gelu\""), ("block_out_channels", "[]"), ("block_out_channels", "[6, 12, 16]"),
    ("down_block_types", "[\"DownEncoderBlock2D\"]"), ("up_block_types", "[\"UpBlock2D\"]"),
    ("scaling_factor", "0"), ("shift_factor", "0.1"), ("norm_num_groups", "-4"),
    ("layers_per_block", "99999999999"), ("latent_channels", "\"four\""),
  ])
  func `unsupported settings are refused by name`(_ key: String, _ value: String) throws {
    let golden = try ModelCase("vae-f4")
    let failure = #expect(throws: Failure.self) {
      try AutoencoderConfig(golden.config(changing: key, to: value))
    }
    #expect(failure?.description.contains(".json: \(key): expected ") == true)
  }

  @Test func `the example model draws its reference pictures`() throws {
    let model = try AutoencoderKL(folder: "\(References.folder)/../../examples/emoji-pixart/vae")
    let io = try References.tensors("emoji-pixart/reference.safetensors")
    let latents = try io.tensor("final_latents")
    let images = try io.tensor("images")
    let (size, area) = (latents.shape[1...].reduce(1, *), 64 * 64)
    let z = try latents.floats()
    let golden = try images.floats()
    for picture in 0..<4 {
      let decoded = model.decode(
        Latents(
          channels: 4, height: 16, width: 16,
          values: Array(z[(picture * size)..<((picture + 1) * size)])))
      var different = 0
      for index in 0..<(3 * area) {
        // As diffusers makes bytes of pixels: channels last, rounded half to even.
        let value = min(max(decoded[index % 3 * area + index / 3] * 0.5 + 0.5, 0), 1) * 255
        let difference = abs(value.rounded(.toNearestOrEven) - golden[picture * 3 * area + index])
        #expect(difference <= 1)
        if difference > 0 { different += 1 }
      }
      // The README of the references: at most 1 grey level, on under 0.5 % of the values.
      #expect(Double(different) < 0.005 * Double(3 * area))
    }
  }
}
