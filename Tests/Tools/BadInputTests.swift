import Foundation
import Tensors
import TestSupport
import Testing

/// Bad input gets one clear line that names the file, exit 1, and leaves no output behind.
struct BadInputTests {
  struct Stage: CustomTestStringConvertible, Sendable {
    let tool: String
    /// Arguments that read `input` and write `output`.
    let arguments: @Sendable (_ input: String, _ output: String) -> [String]
    let eats: String
    var testDescription: String { tool }
  }

  static let stages = [
    Stage(tool: "fpq-round", arguments: { ["-i", $0, "-o", $1] }, eats: "stats"),
    Stage(tool: "fpq-pack", arguments: { ["-i", $0, "-o", $1] }, eats: "codes"),
    Stage(
      tool: "dit-run", arguments: { ["-m", $0, "-p", "owl", "--steps", "2", "-o", $1] },
      eats: "packed"),
  ]

  let fixture: Fixture
  let here: TemporaryFolder

  init() throws {
    fixture = try Fixture.shared()
    here = try TemporaryFolder()
  }

  @Test(arguments: stages)
  func `a missing file`(_ stage: Stage) throws {
    let path = here.file("none.safetensors")
    let result = try Shell.run(stage.tool, stage.arguments(path, here.file("out.safetensors")))
    #expect(isOneLine(result, from: stage.tool, saying: path), "\(result.error)")
    #expect(try here.contents.isEmpty)
  }

  @Test func `a missing model folder, prompt file or part of a model`() throws {
    let none = here.file("none")
    let out = here.file("out")
    let broken = here.file("model")
    try FileManager.default.copyItem(atPath: Fixture.model, toPath: broken)
    try FileManager.default.removeItem(atPath: "\(broken)/vae/config.json")
    for (model, prompts, named) in [
      (none, fixture.prompts, none), (Fixture.model, none, none),
      (broken, fixture.prompts, "vae/config.json"),
    ] {
      let stats = try Shell.run("fpq-stats", ["-m", model, "-f", prompts, "-o", out])
      #expect(isOneLine(stats, from: "fpq-stats", saying: named), "\(stats.error)")
      let run = try Shell.run("dit-run", ["-m", model, "-f", prompts, "-o", "\(out)%d.png"])
      #expect(isOneLine(run, from: "dit-run", saying: named), "\(run.error)")
    }
    #expect(try here.contents == ["model"])
  }

  @Test(arguments: stages)
  func `an empty file`(_ stage: Stage) throws {
    let path = try here.write("empty.safetensors", [])
    let result = try Shell.run(stage.tool, stage.arguments(path, here.file("out.safetensors")))
    #expect(isOneLine(result, from: stage.tool, saying: path), "\(result.error)")
    #expect(try here.contents == ["empty.safetensors"])
  }

  @Test(arguments: stages)
  func `a pipe that ends early`(_ stage: Stage) throws {
    let whole = try contents(
      ["stats": fixture.stats, "codes": fixture.codes, "packed": fixture.packed][stage.eats] ?? "")
    for length in [0, 7, 100, whole.count / 2, whole.count - 1] {
      let result = try Shell.run(
        stage.tool, stage.arguments("-", here.file("out")), input: whole.prefix(length))
      #expect(isOneLine(result, from: stage.tool, saying: "<stdin>"), "\(result.error)")
    }
    #expect(try here.contents.isEmpty)
  }

  @Test(arguments: stages)
  func `the wrong kind of file`(_ stage: Stage) throws {
    let png = try here.write(
      "picture.safetensors", [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0])
    let text = try here.write("text.safetensors", "red heart\n".utf8)
    let weights = "\(Fixture.model)/transformer/diffusion_pytorch_model.safetensors"
    let streams = ["stats": fixture.stats, "codes": fixture.codes, "packed": fixture.packed]
    let wrong = streams.filter { $0.key != stage.eats }.map(\.value) + [png, text, weights]
    for path in wrong {
      let result = try Shell.run(stage.tool, stage.arguments(path, here.file("out.safetensors")))
      #expect(isOneLine(result, from: stage.tool, saying: path, "expected"), "\(result.error)")
    }
    #expect(try here.contents == ["picture.safetensors", "text.safetensors"])
  }

  @Test func `another model's statistics`() throws {
    let other = try copyOfModel { bytes in bytes[bytes.count - 1] ^= 1 }
    for (tool, input) in [("fpq-round", fixture.stats), ("fpq-pack", fixture.codes)] {
      let result = try Shell.run(
        tool, ["-m", other, "-i", input, "-o", here.file("out.safetensors")])
      #expect(isOneLine(result, from: tool, saying: input, "another model"), "\(result.error)")
    }
  }

  @Test func `hostile numbers in the metadata and in counts`() throws {
    let out = here.file("out")
    for (tool, input, arguments) in [
      ("fpq-pack", fixture.codes, ["-o", out, "-i"]),
      ("dit-run", fixture.packed, ["-p", "owl", "-o", out, "-m"]),
    ] {
      let good = try SafetensorsFile(input)
      for size in ["9223372036854775807", "0", "-1", "\"x\"", "1e3"] {
        var metadata = good.metadata
        metadata["fpq.layers"] = metadata["fpq.layers"]?.replacing(
          /"group_size":\d+/, with: "\"group_size\":\(size)")
        let bad = try save(
          here.file("bad.safetensors"), good.names.map { try good.tensor($0) }, metadata: metadata)
        let result = try Shell.run(tool, arguments + [bad])
        #expect(isOneLine(result, from: tool, saying: bad, "group size"), "\(result.error)")
      }
    }
    let stats = try SafetensorsFile(fixture.stats)
    let site = "transformer_blocks.0.attn1.qkv"
    let tensors = try stats.names.map { name in
      name == "\(site).count"
        ? Tensor(name: name, dtype: .i64, shape: [], values: [Int64.min]) : try stats.tensor(name)
    }
    let bad = try save(here.file("bad.safetensors"), tensors, metadata: stats.metadata)
    let result = try Shell.run("fpq-round", ["-i", bad, "-o", out])
    #expect(isOneLine(result, from: "fpq-round", saying: bad, site), "\(result.error)")
    #expect(try here.contents == ["bad.safetensors"])
  }

  @Test func `weights that are not numbers, by the tensor's name`() throws {
    let weights = try SafetensorsFile(
      "\(Fixture.model)/transformer/diffusion_pytorch_model.safetensors")
    let name = "transformer_blocks.2.ff.net.2.weight"
    let offset = try weights.tensor(name).range.lowerBound
    let broken = try copyOfModel { bytes in
      // An F16 NaN, little-endian.
      bytes.replaceSubrange(offset..<(offset + 2), with: [0x00, 0x7E])
    }
    for (tool, arguments) in [
      ("fpq-stats", ["-f", fixture.prompts, "-o", here.file("out")]),
      ("dit-run", ["-p", "owl", "-o", here.file("out.png")]),
    ] {
      let result = try Shell.run(tool, ["-m", broken] + arguments + Fixture.sampling)
      #expect(isOneLine(result, from: tool, saying: name, "NaN"), "\(result.error)")
    }
    #expect(try here.contents == ["model"])
  }

  @Test func `a configuration value we do not compute, by its name`() throws {
    let model = try copyOfModel { _ in }
    for (file, key, value) in [
      ("transformer/config.json", "norm_type", "layer_norm"),
      ("transformer/config.json", "activation_fn", "swish"),
      ("scheduler/scheduler_config.json", "beta_schedule", "sigmoid"),
      ("vae/config.json", "act_fn", "gelu"),
      ("text_encoder/config.json", "feed_forward_proj", "gated-swish"),
      ("model_index.json", "_class_name", "FluxPipeline"),
    ] {
      let path = "\(model)/\(file)"
      let original = try contents(path)
      let text = String(decoding: original, as: UTF8.self)
      let changed = text.replacing(
        try Regex("\"\(key)\": *\"[^\"]*\""), with: "\"\(key)\": \"\(value)\"")
      #expect(changed != text)
      try Data(changed.utf8).write(to: URL(fileURLWithPath: path))
      let result = try Shell.run("dit-run", ["-m", model, "-p", "owl", "-o", here.file("o.png")])
      #expect(isOneLine(result, from: "dit-run", saying: file, key, value), "\(result.error)")
      try original.write(to: URL(fileURLWithPath: path))
    }
  }

  @Test func `a configuration value of another kind, as it stands in the file`() throws {
    let model = try copyOfModel { _ in }
    let cases: [(file: String, key: String, value: String, line: String)] = [
      ("transformer/config.json", "num_layers", "[1, 2]", "expected a whole number, found [1,2]"),
      (
        "scheduler/scheduler_config.json", "beta_end", #"{"a": "b"}"#,
        #"expected a number, found {"a":"b"}"#
      ),
      (
        "scheduler/scheduler_config.json", "prediction_type", #""epsilom""#,
        "expected epsilon or v_prediction or sample, found epsilom; --scheduler takes another"
      ),
      (
        "vae/config.json", "down_block_types", #"["DownEncoderBlock2D", null]"#,
        #"expected a list of strings, found ["DownEncoderBlock2D",null]"#
      ),
    ]
    for (file, key, value, line) in cases {
      let path = "\(model)/\(file)"
      let original = try contents(path)
      // The last of two equal keys counts.
      let end = try #require(original.lastIndex(of: UInt8(ascii: "}")))
      try (original[..<end] + Data(", \"\(key)\": \(value)}".utf8))
        .write(to: URL(fileURLWithPath: path))
      let result = try Shell.run("dit-run", ["-m", model, "-p", "owl", "-o", here.file("o.png")])
      #expect(result.error == "dit-run: \(path): \(key): \(line)\n")
      #expect(result.status == 1)
      try original.write(to: URL(fileURLWithPath: path))
    }
  }

  @Test func `no prompts, and prompts that are no text`() throws {
    let cases: [(Data, String)] = [
      (Data(), "at least one prompt"), (Data("\n  \n".utf8), "at least one prompt"),
      (Data("owl\n".utf8) + Data([0xFF, 0xFE, 0x0A]), "line 2: expected UTF-8"),
    ]
    for (text, message) in cases {
      for (tool, output) in [("fpq-stats", "out"), ("dit-run", "o%d.png")] {
        let result = try Shell.run(
          tool, ["-m", Fixture.model, "-f", "-", "-o", here.file(output)], input: text)
        #expect(isOneLine(result, from: tool, saying: "<stdin>", message), "\(result.error)")
      }
    }
    #expect(try here.contents.isEmpty)
  }

  @Test func `a prompt of 10,000 characters is cut, not refused`() throws {
    let result = try Shell.run(
      "dit-run",
      ["-m", Fixture.model, "-p", String(repeating: "owl ", count: 2500), "--steps", "1"])
    #expect(result.status == 0, "\(result.error)")
    #expect(result.output.starts(with: [0x89, 0x50]))
  }

  @Test func `an argument that is no UTF-8`() throws {
    let result = try Shell.script(
      "dit-run -m '\(Fixture.model)' -p \"$(printf '\\377\\376')\" -o '\(here.file("o.png"))'")
    #expect(isOneLine(result, from: "dit-run", saying: "UTF-8"), "\(result.error)")
  }

  /// A copy of the example model whose transformer weights `change` has touched.
  private func copyOfModel(_ change: (inout Data) -> Void) throws -> String {
    let copy = here.file("model")
    try FileManager.default.copyItem(atPath: Fixture.model, toPath: copy)
    let path = "\(copy)/transformer/diffusion_pytorch_model.safetensors"
    var bytes = try contents(path)
    change(&bytes)
    try bytes.write(to: URL(fileURLWithPath: path))
    return copy
  }
}
