import Foundation
import Tensors
import TestSupport
import Testing

/// The four tools on a small Hunyuan-DiT.
struct HunyuanToolTests {
  private static let model = References.path("pipeline-hunyuan/pipeline")
  /// Of the sizes that it was trained on, the smallest takes seconds.
  private static let size = ["--width", "96", "--height", "128", "--no-resolution-binning"]

  let here: TemporaryFolder
  private let prompts: String
  private let sampling: String

  init() throws {
    here = try TemporaryFolder()
    prompts = try here.write("prompts.txt", "a cat\n一张红苹果的照片\n".utf8)
    sampling = "--steps 2 " + HunyuanToolTests.size.joined(separator: " ")
  }

  private func run(_ command: String) throws -> Shell.Result {
    try Shell.script(command, in: here.path)
  }

  /// The default recipe, the paper's, the greedy one, blocks as wholes, and layers behind rounded
  /// ones.
  @Test func `every recipe and objective draws, the same step by step and in one pipe`() throws {
    let stats = try run(
      "fpq-stats -m \(HunyuanToolTests.model) -f prompts.txt \(sampling) -o stats")
    #expect(stats.status == 0, "\(stats.error)")
    var pictures: Set<Data> = []
    let rounding = [
      "", "--recipe fp4dit-hunyuan --iterations 20", "--recipe fpq-greedy --iterations 20",
      "--objective block --iterations 5 --samples 8", "--inputs quantized --samples 8",
      "--recipe fp4dit-hunyuan --objective block --iterations 20 --samples 8",
    ]
    for options in rounding {
      let draw = "dit-run -p 'a cat' \(sampling) --no-metadata"
      let piped = try run("fpq-round -i stats \(options) | fpq-pack | \(draw)")
      let stepwise = try run(
        """
        fpq-round -t 2 -i stats \(options) -o codes && fpq-pack -i codes -o packed --verify &&
        \(draw) -t 2 -m packed; rm -rf packed
        """)
      #expect(piped.status == 0 && stepwise.status == 0, "\(options): \(stepwise.error)")
      #expect(!piped.output.isEmpty && piped.output == stepwise.output, "\(options)")
      pictures.insert(piped.output)
    }
    #expect(pictures.count == rounding.count)
  }

  /// What the paper quantizes: all linears of the blocks and no other, E3M0 before the GELU.
  @Test func `fp4dit-hunyuan has the layers and formats of the paper`() throws {
    let result = try run(
      """
      fpq-stats -m \(HunyuanToolTests.model) -f prompts.txt \(sampling) |
      fpq-round --recipe fp4dit-hunyuan --iterations 10 -o codes
      """)
    #expect(result.status == 0, "\(result.error)")
    let codes = try SafetensorsFile(here.file("codes"))
    let text = try #require(codes.metadata["fpq.layers"])
    let layers = try JSON.object(text, place: "codes")
    let weights = try Checkpoint(folder: "\(HunyuanToolTests.model)/transformer")
    let linears = weights.names.filter {
      $0.hasPrefix("blocks.") && $0.hasSuffix(".weight") && !$0.contains("norm_")
        && !$0.contains("skip_norm") && !$0.contains("norm1.norm") && !$0.contains("norm2.")
        && !$0.contains("norm3.")
    }.map { String($0.dropLast(7)) }
    #expect(layers.map(\.0).sorted() == linears.sorted())
    for (name, layer) in layers {
      let format = name.hasSuffix("ff.net.0.proj") ? "e3m0" : "e2m1"
      #expect(layer["format"]?.string == format, "\(name)")
      // A group of 128 would hold all 64 inputs, half of them of the earlier block.
      #expect(layer["group_size"]?.int == (name.hasSuffix("skip_linear") ? 32 : 128), "\(name)")
    }
  }

  @Test func `guidance is rescaled where it is asked for`() throws {
    for tool in ["dit-run -p frog --no-metadata", "fpq-stats -f prompts.txt"] {
      let outputs = try ["", "--guidance-rescale 0.5", "--guidance-rescale 1"].map { option in
        let result = try run("\(tool) -m \(HunyuanToolTests.model) \(sampling) \(option)")
        #expect(result.status == 0, "\(result.error)")
        return result.output
      }
      #expect(Set(outputs).count == 3)
    }
    let far = try run("dit-run -p frog -m \(HunyuanToolTests.model) --guidance-rescale 1.5")
    #expect(far.status == 64 && far.error.contains("--guidance-rescale must be 0 to 1"))
  }

  /// As the pipeline of diffusers: cut to multiples of 16 here; the standard shapes are tested with
  /// the pipeline's own pictures.
  @Test func `a size that is changed is said`() throws {
    let result = try run(
      "dit-run -p frog -m \(HunyuanToolTests.model) --steps 1 -W 100 -H 70 --no-resolution-binning")
    #expect(result.status == 0)
    #expect(result.error == "dit-run: size 100x70: pictures will be 96x64\n")
  }

  @Test func `lengths of prompts are the model's`() throws {
    let result = try run(
      "dit-run -p frog -m \(HunyuanToolTests.model) \(sampling) --max-sequence-length 20")
    #expect(
      isOneLine(
        result, from: "dit-run", saying: HunyuanToolTests.model, "max_sequence_length", "77",
        "256"), "\(result.error)")
  }

  /// Parts that do not fit each other, and what only looks like a Hunyuan-DiT.
  @Test(arguments: [
    ("model_index.json", "HunyuanDiTPipeline", "HunyuanDiTControlNetPipeline", "_class_name"),
    ("transformer/config.json", "\"num_layers\": 4", "\"num_layers\": 7", "num_layers"),
    ("transformer/config.json", "\"text_len\": 77", "\"text_len\": 78", "text_embedding_padding"),
    (
      "text_encoder/config.json", "\"hidden_size\": 24", "\"hidden_size\": 25",
      "num_attention_heads"
    ),
    ("text_encoder_2/config.json", "\"d_model\": 16", "\"d_model\": 17", "shared.weight"),
  ])
  func `folders that do not fit are refused`(
    _ file: String, _ old: String, _ new: String, _ says: String
  ) throws {
    let copy = here.file("model")
    try FileManager.default.copyItem(atPath: HunyuanToolTests.model, toPath: copy)
    let path = "\(copy)/\(file)"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    #expect(text.contains(old))
    try text.replacing(old, with: new).write(toFile: path, atomically: true, encoding: .utf8)
    let result = try run("dit-run -p frog -m model \(sampling)")
    #expect(isOneLine(result, from: "dit-run", saying: "model/", says), "\(result.error)")
  }

  @Test(arguments: ["text_encoder_2", "tokenizer", "tokenizer_2", "text_encoder"])
  func `a missing part is named`(_ part: String) throws {
    let copy = here.file("model")
    try FileManager.default.copyItem(atPath: HunyuanToolTests.model, toPath: copy)
    try FileManager.default.removeItem(atPath: "\(copy)/\(part)")
    let result = try run("dit-run -p frog -m model \(sampling)")
    #expect(isOneLine(result, from: "dit-run", saying: "model/\(part)"), "\(result.error)")
  }
}
