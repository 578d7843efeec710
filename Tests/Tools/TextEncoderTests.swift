import Foundation
import Tensors
import TestSupport
import Testing

/// Text encoders as parts that are watched, rounded and packed.
struct TextEncoderTests {
  static let hunyuan = References.path("pipeline-hunyuan/pipeline")
  /// Sixteen levels at their best lose this share of a normal weight's square (Max 1960), and what a
  /// layer's output loses is the same share of it.
  static let layerLoss = 0.0095
  /// Products on the way from the tokens to the states of the example's two blocks: value and output
  /// of attention, both products of the feed-forward network.
  static let products = 8.0

  let here: TemporaryFolder
  let prompts: String

  init() throws {
    here = try TemporaryFolder()
    prompts = try here.write(
      "prompts.txt", "red apple\nfrog\nblack heart\nwolf\ngrinning face with smiling eyes\n".utf8)
  }

  private func run(_ command: String, status: Int32 = 0) throws -> Shell.Result {
    let result = try Shell.script(command, in: here.path)
    #expect(result.status == status, "\(command): \(result.error)")
    return result
  }

  /// The cosines of all tokens' states that `models` make of the prompts.
  private func cosines(_ packed: String, _ model: String = References.exampleModel) throws
    -> [Double]
  {
    let files = try [model, packed].enumerated().map { index, model in
      _ = try run(
        "dit-run -m \(model) -f prompts.txt --steps 1 -W 64 -H 64 --no-resolution-binning "
          + "-o %d.png --save-prompt-embeds \(index).safetensors")
      return try SafetensorsFile(here.file("\(index).safetensors"))
    }
    return try files[0].names.filter { $0.contains(".states") }.flatMap { name in
      let (a, b) = (try files[0].tensor(name), try files[1].tensor(name))
      let (x, y) = (try a.floats(), try b.floats())
      let width = a.shape[1]
      return (0..<a.shape[0]).map { token in
        func dot(_ x: [Float], _ y: [Float]) -> Double {
          (token * width..<(token + 1) * width).reduce(0) { $0 + Double(x[$1]) * Double(y[$1]) }
        }
        return dot(x, y) / (dot(x, x) * dot(y, y)).squareRoot()
      }
    }
  }

  private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

  @Test func `a packed text encoder says nearly what the float one says`() throws {
    let model = References.exampleModel
    _ = try run(
      "fpq-stats -m \(model) --part text_encoder -f \(model)/../calibration.txt -o t5.stats")
    _ = try run("fpq-round -i t5.stats -o t5.codes")
    let said = try run("fpq-pack -i t5.codes -o calibrated --verify").error
    #expect(said.contains("15 layers") && said.contains("all of the text_encoder"))
    #expect(said.contains("calibrated/text_encoder/model.safetensors: verified 15 layers"))
    let packed = try SafetensorsFile(here.file("calibrated/text_encoder/model.safetensors"))
    for (layer, type) in [("q", DType.u8), ("k", .u8), ("v", .i8), ("o", .i8)] {
      let name = "encoder.block.1.layer.0.SelfAttention.\(layer).weight"
      #expect(try packed.tensor(name).dtype == type, "\(name)")
    }
    _ = try run(
      "fpq-stats -m \(model) --part text_encoder --data-free | fpq-round -o free.codes "
        + "&& fpq-pack -i free.codes -o free")
    let (calibrated, free) = (mean(try cosines("calibrated")), mean(try cosines("free")))
    // An error of a share e of the square turns a vector by a cosine of about 1 - e / 2.
    #expect(free > 1 - Self.products * Self.layerLoss / 2, "\(free)")
    #expect(calibrated > free, "\(calibrated) \(free)")
    // Rows of 8 bits, four of whose levels are within the least of a group's standard deviations: a
    // sixteenth of what 4 bits lose, and half of the products have 4.
    _ = try run(
      "fpq-round -i t5.stats --format '*=int8' -o fine.codes && fpq-pack -i fine.codes -o fine")
    let fine = mean(try cosines("fine"))
    #expect(1 - fine < (1 - calibrated) / 8, "\(fine) \(calibrated)")
  }

  @Test func `transformer and text encoder come in one folder`() throws {
    let fixture = try Fixture.shared()
    _ = try run(
      "fpq-stats -m \(Fixture.model) --part text_encoder -f prompts.txt | fpq-round -o t5.codes")
    _ = try run("fpq-pack -i \(fixture.codes) -o transformer")
    _ = try run("fpq-pack -i t5.codes -o text")
    _ = try run("fpq-pack -i t5.codes \(fixture.codes) -o both --link")
    for (part, alone) in [
      ("transformer/diffusion_pytorch_model", "transformer"), ("text_encoder/model", "text"),
    ] {
      #expect(
        try contents(here.file("both/\(part).safetensors"))
          == contents(here.file("\(alone)/\(part).safetensors")))
    }
    _ = try run("dit-run -m both -p owl --steps 1 -o owl.png")
    // Again, onto what stands there.
    _ = try run("fpq-pack -i t5.codes \(fixture.codes) -o both --link")
    let refused = try run("fpq-pack -i t5.codes \(fixture.codes) -o both.safetensors", status: 1)
    #expect(refused.error.contains("expected one part for a stream"))
    #expect(try !here.contents.contains("both.safetensors"))
  }

  @Test func `both encoders of Hunyuan-DiT are packed`() throws {
    for part in ["text_encoder", "text_encoder_2"] {
      _ = try run(
        "fpq-stats -m \(Self.hunyuan) --part \(part) -f prompts.txt | "
          + "fpq-round --format '*=int8' -o \(part).codes")
    }
    _ = try run("fpq-pack -i text_encoder.codes text_encoder_2.codes -o packed")
    let found = try cosines("packed", Self.hunyuan)
    #expect(found.count > 5 * (77 + 256))
    // Levels of a 254th of a group's range, 64 weights of which lie within 2.5 deviations or so.
    let loss = 5.0 / 254 / 12.0.squareRoot()
    #expect(mean(found) > 1 - 4 * Self.products * loss * loss / 2)
  }

  @Test func `shards of prompts add up`() throws {
    let stats = "fpq-stats -m \(Fixture.model) --part text_encoder -f prompts.txt"
    _ = try run("\(stats) -o whole")
    _ = try run("\(stats) --limit 2 -o a && \(stats) --skip 2 -o b && fpq-stats --merge a b -o sum")
    let (whole, sum) = (
      try SafetensorsFile(here.file("whole")), try SafetensorsFile(here.file("sum"))
    )
    #expect(whole.metadata == sum.metadata && whole.names.sorted() == sum.names.sorted())
    for name in whole.names {
      let (x, y) = (try whole.tensor(name), try sum.tensor(name))
      #expect(x.bytes.elementsEqual(y.bytes), "\(name)")
    }
    #expect(try whole.tensor("shared.count").doubles() == [0])
    // Prompts of 3, 2, 3, 2, 6 tokens and more, first words, the empty one, and a long one.
    let site = "encoder.block.0.layer.0.SelfAttention.qkv"
    #expect(try whole.tensor("\(site).count").doubles()[0] > 120)
  }

  @Test func `without data the nearest codes are taken`() throws {
    _ = try run("fpq-stats -m \(Fixture.model) --data-free -o free.stats")
    _ = try run(
      "fpq-round -i free.stats --method descent -o a && fpq-round -i free.stats --method nearest --scale mse -o b"
    )
    let (a, b) = (try SafetensorsFile(here.file("a")), try SafetensorsFile(here.file("b")))
    let codes = a.names.filter { $0.hasSuffix(".codes") }
    #expect(codes.count == 60)
    for name in codes { #expect(try a.tensor(name).bytes.elementsEqual(b.tensor(name).bytes)) }
    #expect(!a.names.contains { $0.hasSuffix(".center") || $0.hasSuffix(".smooth") })
    _ = try run(
      "fpq-pack -i a -o packed.safetensors && dit-run -m packed.safetensors -p owl --steps 1 -o owl.png"
    )
  }

  @Test func `layers that are not to be rounded are not watched`() throws {
    let stats = "fpq-stats -m \(Fixture.model) -f prompts.txt --steps 1 --limit 1"
    _ = try run("\(stats) -o all && \(stats) --layers 'transformer_blocks.*' -o blocks")
    let (all, blocks) = (
      try SafetensorsFile(here.file("all")), try SafetensorsFile(here.file("blocks"))
    )
    let sites = all.names.filter { $0.hasSuffix(".gram") && $0.hasPrefix("transformer_blocks.") }
    #expect(blocks.names.filter { $0.hasSuffix(".gram") }.sorted() == sites.sorted())
    #expect(all.names.count > blocks.names.count && !sites.isEmpty)
    for name in blocks.names {
      let (x, y) = (try all.tensor(name), try blocks.tensor(name))
      #expect(x.bytes.elementsEqual(y.bytes), "\(name)")
    }
    // The recipe rounds the blocks alone.
    _ = try run("fpq-round -i all -o a && fpq-round -i blocks -o b")
    let (a, b) = (try SafetensorsFile(here.file("a")), try SafetensorsFile(here.file("b")))
    #expect(a.names == b.names)
    for name in a.names {
      let (x, y) = (try a.tensor(name), try b.tensor(name))
      #expect(x.bytes.elementsEqual(y.bytes), "\(name)")
    }
    #expect(try run("\(stats) --layers 'x.*' -o x", status: 1).error.contains("matched none"))
  }

  @Test func `what is no text encoder, or not that one, is refused`() throws {
    let (model, fixture) = (Fixture.model, try Fixture.shared())
    func refused(_ command: String, _ words: String, status: Int32 = 1) throws {
      let result = try run(command, status: status)
      #expect(result.error.contains(words), "\(result.error)")
    }
    try refused(
      "fpq-stats -m \(model) --part vae -f prompts.txt",
      "part vae: expected transformer or text_encoder")
    try refused(
      "fpq-stats -m \(model) --part text_encoder -f prompts.txt --resume -o x", "--resume",
      status: 64)
    try refused("fpq-stats -m \(model) --data-free -f prompts.txt", "--data-free", status: 64)
    _ = try run("fpq-stats -m \(model) --part text_encoder -f prompts.txt -o t5.stats")
    try refused(
      "fpq-round -i t5.stats --objective block -o x", "expected statistics of a transformer")
    try refused("fpq-round -i t5.stats --held-out \(fixture.stats) -o x", "expected a text_encoder")
    try refused("fpq-stats --merge t5.stats \(fixture.stats) -o x", "expected the same")
    _ = try run("fpq-round -i t5.stats -o t5.codes")
    _ = try run("fpq-pack -i t5.codes -o t5.safetensors && fpq-pack -i t5.codes -o packed")
    try refused("dit-run -m t5.safetensors -p owl", "expected a transformer, found a text_encoder")
    try refused(
      "fpq-stats -m packed --part text_encoder -f prompts.txt -o x", "expected a float model")
    #expect(try !here.contents.contains("x"))
  }
}
