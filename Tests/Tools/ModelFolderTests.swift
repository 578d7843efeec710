import Foundation
import Tensors
import TestSupport
import Testing

/// Model folders as people have them: parts in two places, links, variants, tensors that nobody
/// reads.
struct ModelFolderTests {
  private static let example = References.exampleModel
  private static let sigma = References.path("pipeline-sigma/pipeline")

  let fixture: Fixture
  let here: TemporaryFolder

  init() throws {
    fixture = try Fixture.shared()
    here = try TemporaryFolder()
  }

  /// A copy of `model` whose transformer stands in another folder: the paths of both.
  private func split(_ model: String) throws -> (transformer: String, parts: String) {
    let (transformer, parts) = (here.file("alone"), here.file("parts"))
    try FileManager.default.copyItem(atPath: model, toPath: parts)
    try FileManager.default.createDirectory(
      atPath: transformer, withIntermediateDirectories: true)
    try move("parts/transformer", to: "alone/transformer")
    return (transformer, parts)
  }

  private func copy(_ model: String = example, as name: String = "model") throws -> String {
    try FileManager.default.copyItem(atPath: model, toPath: here.file(name))
    return here.file(name)
  }

  private func move(_ from: String, to: String) throws {
    try FileManager.default.moveItem(atPath: here.file(from), toPath: here.file(to))
  }

  private func link(_ name: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(
      atPath: here.file(name), withDestinationPath: target)
  }

  /// One step of `prompt`, as a PNG without metadata.
  private func draw(
    _ model: String, _ options: [String] = [], prompt: String = "owl"
  ) throws -> (png: Data, error: String) {
    let result = try Shell.run(
      "dit-run", ["-m", model, "-p", prompt, "--steps", "1", "--no-metadata"] + options)
    #expect(result.status == 0, "\(result.error)")
    return (result.output, result.error)
  }

  private func refusal(_ model: String, _ options: [String] = []) throws -> String {
    let result = try Shell.run(
      "dit-run", ["-m", model, "-p", "owl", "--steps", "1", "-o", here.file("no.png")] + options)
    #expect(isOneLine(result, from: "dit-run"), "\(result.error)")
    return result.error
  }

  private func pack(_ options: [String], to name: String) throws -> String {
    let result = try Shell.run(
      "fpq-pack", ["-i", fixture.codes, "-o", here.file(name), "--verify"] + options)
    #expect(result.status == 0, "\(result.error)")
    return here.file(name)
  }

  @Test func `a transformer alone, with the other parts elsewhere`() throws {
    let (alone, parts) = try split(ModelFolderTests.example)
    let plain = try draw(ModelFolderTests.example).png
    let base = ["--base", parts]
    for model in [alone, "\(alone)/transformer"] {
      let (png, error) = try draw(model, base)
      #expect(png == plain && error.isEmpty, "\(model): \(error)")
    }
    #expect(try refusal(alone).contains("name the folder of the other parts with --base"))
    #expect(try refusal(parts).contains("and the folder of the other parts with --base"))
    #expect(try refusal(alone, ["--base", alone]).contains("\(alone)/model_index.json"))
  }

  /// What the statistics say of the folders is enough for the tools after them.
  @Test func `a pair of folders goes through the pipeline and comes out whole`() throws {
    let (alone, parts) = try split(ModelFolderTests.example)
    // As an index without a transformer.
    let index = try String(contentsOfFile: "\(parts)/model_index.json", encoding: .utf8)
      .replacing(/,\s*"transformer": \[[^\]]*\]/, with: "")
    try here.write("parts/model_index.json", index.utf8)
    let out = here.file("packed")
    let script = """
      fpq-stats -m '\(alone)' --base '\(parts)' -f '\(fixture.prompts)' --limit 1 --steps 1 |
        fpq-round --method nearest > codes && fpq-pack -i codes -o '\(out)' && fpq-pack -i codes > packed.safetensors
      """
    let made = try Shell.script(script, in: here.path)
    #expect(made.status == 0, "\(made.error)")
    let packed = try ModelFolder(out)
    #expect(packed.parts == ["scheduler", "text_encoder", "tokenizer", "transformer", "vae"])
    #expect(packed.index.json["transformer"]?.description.contains("PixArt") == true)
    let picture = try draw(out).png
    #expect(try draw(here.file("packed.safetensors")).png == picture)
    // The tools take the folders where they are now.
    try move("alone", to: "alone2")
    try move("parts", to: "parts2")
    let now = ["-m", here.file("alone2"), "--base", here.file("parts2")]
    let again = try Shell.run(
      "fpq-pack", ["-i", here.file("codes"), "-o", here.file("other")] + now)
    #expect(again.status == 0, "\(again.error)")
    #expect(try draw(here.file("other")).png == picture)
    #expect(
      try draw(here.file("packed.safetensors"), ["--base", here.file("parts2")]).png == picture)
  }

  /// Sigma's parts are published under an index that says alpha.
  @Test func `the transformer decides how many tokens of a prompt count`() throws {
    let (alone, parts) = try split(ModelFolderTests.sigma)
    let index = try String(contentsOfFile: "\(parts)/model_index.json", encoding: .utf8)
    try here.write(
      "parts/model_index.json", index.replacing("PixArtSigma", with: "PixArtAlpha").utf8)
    let prompt = String(repeating: "a photo of a red heart ", count: 40)
    let whole = try draw(ModelFolderTests.sigma, prompt: prompt).png
    let cut = try draw(
      ModelFolderTests.sigma, ["--max-sequence-length", "120"], prompt: prompt
    ).png
    #expect(whole != cut)
    let base = ["--base", parts]
    let (png, error) = try draw(alone, base, prompt: prompt)
    #expect(png == whole)
    #expect(error.contains("PixArtAlphaPipeline, taken for PixArtSigmaPipeline"), "\(error)")
    let alpha = ["--pipeline", "PixArtAlphaPipeline"]
    #expect(try draw(alone, base + alpha, prompt: prompt).png == cut)
    #expect(try draw(ModelFolderTests.sigma, alpha, prompt: prompt).png == cut)
    #expect(
      try refusal(alone, base + ["--pipeline", "FluxPipeline"]).contains(
        "--pipeline: expected PixArtAlphaPipeline or PixArtSigmaPipeline or "))
    // The parts of another family.
    let other = ["--base", References.path("pipeline-hunyuan/pipeline")]
    #expect(try refusal(alone, other).contains("_class_name: expected PixArtAlphaPipeline or "))
  }

  @Test func `a hub cache: the snapshot opens, its root points to it`() throws {
    let snapshot = "models--a--b/snapshots/0123"
    for folder in [snapshot, "models--a--b/blobs"] {
      try FileManager.default.createDirectory(
        atPath: here.file(folder), withIntermediateDirectories: true)
    }
    let walk = try #require(FileManager.default.enumerator(atPath: ModelFolderTests.example))
    for case let name as String in walk {
      let source = "\(ModelFolderTests.example)/\(name)"
      if walk.fileAttributes?[.type] as? FileAttributeType == .typeDirectory {
        try FileManager.default.createDirectory(
          atPath: here.file("\(snapshot)/\(name)"), withIntermediateDirectories: true)
      } else {
        let blob = name.replacing("/", with: "-")
        try FileManager.default.copyItem(
          atPath: source, toPath: here.file("models--a--b/blobs/\(blob)"))
        let up = String(repeating: "../", count: name.count { $0 == "/" } + 2)
        try link("\(snapshot)/\(name)", to: "\(up)blobs/\(blob)")
      }
    }
    let root = here.file("models--a--b")
    #expect(try refusal(root).contains("name \(here.file(snapshot))"))
    #expect(try draw(here.file(snapshot)).png == draw(ModelFolderTests.example).png)
    let picture = try draw(fixture.packed).png
    let model = ["-m", here.file(snapshot)]
    #expect(try draw(pack(model + ["--link"], to: "linked")).png == picture)
    let packed = try pack(model, to: "packed")
    try FileManager.default.removeItem(atPath: "\(root)/blobs")
    #expect(try draw(packed).png == picture)
    let broken = try refusal(here.file(snapshot))
    #expect(broken.contains("expected a ") && broken.contains("where nothing is"), "\(broken)")
  }

  @Test func `a link to a folder is filled where it leads, and only packed models are replaced`()
    throws
  {
    try FileManager.default.createDirectory(
      atPath: here.file("big"), withIntermediateDirectories: true)
    try link("out", to: "big")
    for _ in 1...2 {
      _ = try pack([], to: "out")
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: here.file("out")) == "big")
      #expect(try here.contents == ["big", "out"])
      #expect(try ModelFolder(here.file("big")).parts.count == 5)
    }
    let mine = try copy(as: "mine")
    func refused(_ name: String, _ parts: String...) throws {
      let result = try Shell.run("fpq-pack", ["-i", fixture.codes, "-o", here.file(name)])
      #expect(isOneLine(result, from: "fpq-pack", saying: here.file(name)), "\(result.error)")
      for part in parts { #expect(result.error.contains(part), "\(result.error)") }
    }
    try refused("mine", "expected an earlier packed model to replace")
    #expect(try draw(mine).png == draw(ModelFolderTests.example).png)
    try here.write("big/notes.txt", "mine".utf8)
    try refused("out", "found notes.txt beside it")
    #expect(try ModelFolder(here.file("big")).parts.count == 5)
  }

  @Test func `variants: the plain files, the only ones, or the ones asked for`() throws {
    let model = try copy()
    let plain = try draw(model).png
    let weights = "model/transformer/diffusion_pytorch_model"
    for name in ["bf16", "fp16", "my_own"] {
      try move("\(weights).safetensors", to: "\(weights).\(name).safetensors")
      #expect(try draw(model).png == plain)
      #expect(try draw(model, ["--variant", name]).png == plain)
      try move("\(weights).\(name).safetensors", to: "\(weights).safetensors")
    }
    #expect(
      try refusal(model, ["--variant", "fp16"]).contains(
        "expected weights of variant fp16, found none"))
    // Another one beside it: the text encoder in shards whose embedding is zero.
    let encoder = try Checkpoint(folder: "\(model)/text_encoder")
    let zeros = try encoder.tensor("shared.weight")
    let shards = ["model.fp16-00001-of-00002.safetensors", "model.fp16-00002-of-00002.safetensors"]
    try save(
      here.file("model/text_encoder/\(shards[0])"),
      [
        Tensor(
          name: "shared.weight", dtype: .f16, shape: zeros.shape,
          values: [Float16](repeating: 0, count: zeros.count))
      ])
    let others = encoder.names.filter { $0 != "shared.weight" }
    try save(
      here.file("model/text_encoder/\(shards[1])"), try others.map { try encoder.tensor($0) })
    let map = (others.map { ($0, shards[1]) } + [("shared.weight", shards[0])])
      .map { "\"\($0)\": \"\($1)\"" }.joined(separator: ", ")
    try here.write(
      "model/text_encoder/model.safetensors.index.fp16.json", "{\"weight_map\": {\(map)}}".utf8)
    let half = try draw(model, ["--variant", "fp16"]).png
    #expect(half != plain)
    #expect(try draw(model).png == plain)
    // What is packed reads the same without the option, and holds no other weights.
    let stream = try draw(fixture.packed, ["--base", model, "--variant", "fp16"]).png
    for (name, options) in [("copied", [String]()), ("linked", ["--link"])] {
      let packed = try pack(["-m", model, "--variant", "fp16"] + options, to: name)
      #expect(try draw(packed).png == stream)
      let files = try FileManager.default.contentsOfDirectory(atPath: "\(packed)/text_encoder")
      #expect(!files.contains("model.safetensors"))
    }
    try move(
      "model/text_encoder/model.safetensors", to: "model/text_encoder/model.ema.safetensors")
    #expect(
      try refusal(model).contains(
        "expected plain weights, found variants ema, fp16; choose with --variant"))
    #expect(try draw(model, ["--variant", "ema"]).png == plain)
  }

  @Test func `every tool takes a variant and a pipeline`() throws {
    let model = try copy()
    let weights = "model/transformer/diffusion_pytorch_model"
    for name in ["a", "b"] {
      try FileManager.default.copyItem(
        atPath: here.file("\(weights).safetensors"),
        toPath: here.file("\(weights).\(name).safetensors"))
    }
    try FileManager.default.removeItem(atPath: here.file("\(weights).safetensors"))
    let options = ["--variant", "b", "--pipeline", "PixArtAlphaPipeline"]
    let (stats, codes) = (here.file("stats"), here.file("codes"))
    for (tool, arguments) in [
      (
        "fpq-stats",
        ["-m", model, "-f", fixture.prompts, "--limit", "1", "--steps", "1", "-o", stats]
      ),
      ("fpq-round", ["-m", model, "-i", stats, "--method", "nearest", "-o", codes]),
      ("fpq-pack", ["-m", model, "-i", codes, "-o", here.file("packed")]),
    ] {
      let refused = try Shell.run(tool, arguments + ["--variant", "c"])
      #expect(
        isOneLine(refused, from: tool, saying: "expected weights of variant c, found a, b"),
        "\(refused.error)")
      let result = try Shell.run(tool, arguments + options)
      #expect(result.status == 0, "\(result.error)")
    }
    // Statistics say it to the tools after them.
    let rounded = try Shell.run(
      "fpq-round", ["-i", stats, "--method", "nearest", "-o", here.file("same")])
    #expect(rounded.status == 0, "\(rounded.error)")
    #expect(try contents(here.file("same")) == contents(codes))
    let advice = try Shell.run(
      "fpq-round", ["advise", "--bits", "4", "-i", stats, "-m", model, "--variant", "b"])
    #expect(advice.status == 0, "\(advice.error)")
  }

  @Test func `tensors that no layer reads are named once and not packed`() throws {
    let model = try copy()
    let path = "\(model)/transformer/diffusion_pytorch_model.safetensors"
    let file = try SafetensorsFile(path)
    let layer = "transformer_blocks.0.attn1.to_q"
    let lora = "\(layer).lora_A.default.weight"
    try save(
      here.file("with"),
      try file.names.map { try file.tensor($0) } + [
        Tensor(name: lora, dtype: .f16, shape: [1, 2], values: [Float16(1), 2]),
        Tensor(
          name: "position_ids", dtype: .i64, shape: [1, 500_000],
          values: (0..<500_000).map { Int64($0) }),
      ])
    try FileManager.default.removeItem(atPath: path)
    try move("with", to: "model/transformer/diffusion_pytorch_model.safetensors")
    let (png, error) = try draw(model)
    #expect(try png == draw(ModelFolderTests.example).png)
    #expect(
      error == "dit-run: \(model)/transformer: tensors that are not used: 2, first position_ids\n")
    let script = """
      fpq-stats -m model -f '\(fixture.prompts)' --limit 1 --steps 1 -o a
      fpq-stats -m model -f '\(fixture.prompts)' --skip 1 --limit 1 --steps 1 -o b
      fpq-stats --merge a b | fpq-round --method nearest | fpq-pack -o packed.safetensors
      """
    let made = try Shell.script(script, in: here.path)
    #expect(made.status == 0, "\(made.error)")
    #expect(made.error.contains("tensors that are not used and left out: 2, first position_ids"))
    let packed = try SafetensorsFile(here.file("packed.safetensors"))
    #expect(packed.find(lora) == nil && packed.find("position_ids") == nil)
    let said = try #require(made.error.firstMatch(of: /; ([\d.]+) MB instead of/))
    let size = try contents(here.file("packed.safetensors")).count
    #expect(abs(try #require(Double(said.1)) * 1e6 / Double(size) - 1) < 0.02)
    // A layer that PEFT has wrapped has other names and other weights.
    try save(
      path,
      try file.names.map { name in
        let tensor = try file.tensor(name)
        return Tensor(
          name: name.replacing("\(layer).weight", with: "\(layer).base_layer.weight"),
          dtype: tensor.dtype, shape: tensor.shape, origin: tensor.origin,
          storage: tensor.storage, range: tensor.range)
      })
    #expect(try refusal(model).contains("fuse_lora()"))
  }

  @Test func `files that stand for others, and files of other kinds, are named`() throws {
    let model = try copy()
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    for name in [
      "model_index.json", "transformer/config.json", "tokenizer/spiece.model",
      "tokenizer/tokenizer_config.json", "vae/diffusion_pytorch_model.safetensors",
      "scheduler/scheduler_config.json",
    ] {
      let whole = try contents(here.file("model/\(name)"))
      try here.write("model/\(name)", pointer.utf8)
      let line = try refusal(model)
      #expect(line.contains("\(name): expected a "), "\(line)")
      #expect(line.hasSuffix(", found a Git LFS pointer\n"), "\(line)")
      chmod(here.file("model/\(name)"), 0)
      if access(here.file("model/\(name)"), R_OK) != 0 {
        #expect(try refusal(model).contains("\(name): cannot be read: permission denied"))
      }
      chmod(here.file("model/\(name)"), 0o644)
      try here.write("model/\(name)", whole)
    }
    try move(
      "model/transformer/diffusion_pytorch_model.safetensors",
      to: "model/transformer/diffusion_pytorch_model.bin")
    let line = try refusal(model)
    #expect(line.contains("found only diffusion_pytorch_model.bin: "), "\(line)")
    #expect(line.contains("safe_serialization=True"))
    try move(
      "model/transformer/diffusion_pytorch_model.bin",
      to: "model/transformer/diffusion_pytorch_model-00001-of-00002.safetensors")
    #expect(
      try refusal(model).contains("expected diffusion_pytorch_model.safetensors.index.json"))
  }
}
