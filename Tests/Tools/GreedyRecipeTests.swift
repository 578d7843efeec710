import Formats
import Foundation
import Streams
import Tensors
import TestSupport
import Testing

/// The recipe `fpq-greedy` (arXiv 2408.06995) from statistics to the picture; FormatTests draws
/// with its weights alone.
struct GreedyRecipeTests {
  let fixture: Fixture
  let here: TemporaryFolder

  init() throws {
    fixture = try Fixture.shared()
    here = try TemporaryFolder()
  }

  private func round(_ options: [String], _ output: String) throws -> Shell.Result {
    try Shell.run(
      "fpq-round",
      ["-i", fixture.stats, "--recipe", "fpq-greedy", "-o", output]
        + options)
  }

  private func draw(
    _ model: String, _ options: [String] = [], environment: [String: String] = [:]
  ) throws -> Shell.Result {
    try Shell.run(
      "dit-run", ["-m", model, "-p", "red heart", "--steps", "2", "--no-metadata"] + options,
      environment: environment)
  }

  /// The model of `bits` bits of activations, two of its six blocks packed.
  private func pack(bits: String) throws -> (codes: String, packed: String) {
    let (codes, packed) = (here.file("codes"), here.file("packed.safetensors"))
    let two = ["--skip", "transformer_blocks.[1-4].*"]
    let rounded = try round(["--method", "nearest", "--activation-bits", bits] + two, codes)
    #expect(rounded.status == 0, "\(rounded.error)")
    let result = try Shell.run("fpq-pack", ["-i", codes, "-o", packed, "--verify"])
    #expect(result.status == 0 && result.error.contains("verified 20 layers"), "\(result.error)")
    return (codes, packed)
  }

  @Test(arguments: [("6", ["e2m3", "e3m2", "int6", "e4m1"]), ("8", ["e2m5", "e3m4", "e4m3"])])
  func `a weight has one scale, an input a static format`(_ bits: String, formats: [String])
    throws
  {
    let (codes, packed) = try pack(bits: bits)
    let statistics = try StatisticsFile(fixture.stats)
    for path in [codes, packed] {
      let file = try SafetensorsFile(path)
      #expect(file.metadata["fpq.activations"] == nil)
      let layers = try LayerFormats(json: file.metadata["fpq.layers"] ?? "", place: path)
      #expect(layers.entries.count == 20)
      for (layer, entry) in layers.entries {
        #expect(["e1m2", "e2m1", "e3m0"].contains(entry.layout.format.name))
        let scales = try file.tensor("\(layer).scales")
        #expect(scales.dtype == .f16 && scales.shape[1] == 1)
        #expect(try Set(scales.floats()).count == 1)
        let words = entry.activations?.split(separator: ":") ?? []
        #expect(words.count == 2 && words[1] == "static" && formats.contains(String(words[0])))
        let site = try #require(entry.input.site)
        let scale = try file.tensor("\(site).input_scale", shape: []).floats()[0]
        let format = try NumberFormat(String(words[0]))
        let absmax = try statistics.statistics(of: site)?.absmax.max() ?? 0
        // A clip of the search, by some roundings of f32.
        let clip = scale * Float(format.maxCode) / absmax
        #expect((0.0999...1.2001).contains(clip), "\(site): \(clip)")
      }
    }
  }

  @Test func `draws with its own static formats, or with others`() throws {
    let (codes, packed) = try pack(bits: "6")
    let own = try ["scalar", "avx2", "avx512"].map { tier in
      let result = try draw(packed, environment: ["FPQ_TIER": tier])
      #expect(result.status == 0, "\(result.error)")
      return result.output
    }
    #expect(own.allSatisfy { $0 == own[0] && !$0.isEmpty })
    for other in ["e2m3", "none", "int8:token"] {
      let result = try draw(packed, ["--activations", other])
      #expect(result.status == 0 && result.output != own[0], "\(result.error)")
    }
    // The scale of one format is none of another's: the picture would be noise.
    let foreign = try draw(packed, ["--activations", "int8:static"])
    #expect(
      isOneLine(
        foreign, from: "dit-run", saying: "activations int8:static: expected", ":static, for which",
        "transformer_blocks.0."), "\(foreign.error)")
    let refused = try Shell.run(
      "fpq-pack", ["-i", codes, "--activations", "e2m3", "-o", here.file("new.safetensors")])
    #expect(
      isOneLine(
        refused, from: "fpq-pack", saying: codes, "expected no --activations for layers with",
        ":static"),
      "\(refused.error)")
    // Layers have no format in common that query, key and value could be rounded to.
    let attention = ["--attention", "activations"]
    let pack = try Shell.run(
      "fpq-pack", ["-i", codes, "-o", here.file("new.safetensors")] + attention)
    for (tool, result) in [("fpq-pack", pack), ("dit-run", try draw(packed, attention))] {
      #expect(
        isOneLine(result, from: tool, saying: "attention activations", "every layer has its own"),
        "\(result.error)")
    }
    let named = try draw(packed, ["--attention", "e2m3"])
    #expect(named.status == 0 && named.output != own[0], "\(named.error)")
    let both = try draw(packed, ["--attention", "activations", "--activations", "e2m3"])
    #expect(both.status == 0 && both.output != own[0], "\(both.error)")
    #expect(try here.contents == ["codes", "packed.safetensors"])
  }

  @Test func `eight bits draw much the same as inputs that are not rounded`() throws {
    let packed = try pack(bits: "8").packed
    let pictures = try [[], ["--activations", "none"]].enumerated().map { index, options in
      let result = try draw(packed, options)
      return try here.write("\(index).png", result.output)
    }
    // Inputs have three to five mantissa bits, whatever the search finds best for a site: they
    // leave what FormatTests says of three, or more; a wrong sign or scale in one layer leaves less
    // than 15.
    let compared = try Shell.run("fpq-show", ["compare"] + pictures + ["--min-psnr", "22"])
    #expect(compared.status == 0, "\(compared.text)")
  }

  @Test func `a static format without a scale is refused where it is asked for`() throws {
    let result = try Shell.run(
      "fpq-pack",
      ["-i", fixture.codes, "--activations", "e3m4:static", "-o", here.file("p.safetensors")])
    #expect(
      isOneLine(
        result, from: "fpq-pack", saying: "activations e3m4:static: expected token or token-group"),
      "\(result.error)")
    let run = try draw(fixture.packed, ["--activations", "e3m4:static"])
    #expect(
      isOneLine(run, from: "dit-run", saying: "e3m4:static: expected"), "\(run.error)")
    #expect(try here.contents.isEmpty)
  }

  @Test func `codes are learned, and belong to their activations`() throws {
    let options = ["--layers", "*.0.attn1.to_out.0", "--iterations", "50"]
    let learned = try round(options, here.file("a"))
    #expect(learned.status == 0, "\(learned.error)")
    let codes = try SafetensorsFile(here.file("a"))
    let command = codes.metadata["fpq.history"] ?? ""
    #expect(command.contains("--method adaround --recipe fpq-greedy --activation-bits 8"))
    #expect(!command.contains("--group-size") && !command.contains("--hadamard"))
    let nearest = try round(options + ["--method", "nearest"], here.file("b"))
    #expect(nearest.status == 0, "\(nearest.error)")
    let name = "transformer_blocks.0.attn1.to_out.0"
    let plain = try SafetensorsFile(here.file("b"))
    // Learning starts from the scale that the search found, and keeps it.
    for (tensor, isSame) in [("scales", true), ("codes", false)] {
      let (a, b) = (try codes.tensor("\(name).\(tensor)"), try plain.tensor("\(name).\(tensor)"))
      #expect((Data(a.bytes) == Data(b.bytes)) == isSame, "\(tensor)")
    }
  }

  @Test(arguments: [
    ("--group-size 64", "leave out --group-size"), ("--scale absmax", "leave out --scale"),
    ("--scale-type e4m3", "leave out --scale-type"), ("--asymmetric", "leave out --asymmetric"),
    ("--center", "leave out --center"), ("--smooth 0.5", "leave out --smooth"),
    ("--scale mse --hadamard 16", "leave out --scale, --hadamard"),
    ("--activation-bits 7", "--activation-bits must be 8 or 6"),
    ("--recipe balanced --activation-bits 8", "--activation-bits needs --recipe fpq-greedy"),
    (
      "--method gptq", "method gptq: expected nearest or adaround for one scale of the whole weight"
    ),
    ("--method descent", "method descent: expected nearest or adaround"),
    (
      "--format *=lloyd4",
      "format lloyd4: expected a symmetric format for one scale of the whole weight"
    ),
    ("--format *=int4", "format int4: expected a symmetric format"),
    ("--format *=fp5.33 --method nearest", "format fp5.33: expected a symmetric format"),
  ])
  func `what one scale leaves no sense to is wrong usage`(_ options: String, message: String)
    throws
  {
    let result = try round(options.split(separator: " ").map(String.init), here.file("codes"))
    #expect(
      result.status == 64 && result.output.isEmpty && result.error.contains(message),
      "\(result.error)")
    #expect(try here.contents.isEmpty)
  }

  @Test func `statistics that did not count are refused, but round as ever`() throws {
    let counted = try SafetensorsFile(fixture.stats)
    let old = try save(
      here.file("old"),
      counted.names.filter { !$0.hasSuffix(".histogram") }.map { try counted.tensor($0) },
      metadata: counted.metadata)
    let greedy = try Shell.run(
      "fpq-round", ["-i", old, "--recipe", "fpq-greedy", "-o", here.file("codes")])
    #expect(
      isOneLine(
        greedy, from: "fpq-round", saying: old, "transformer_blocks.0.attn1.qkv.histogram",
        "static activation scale", "take the statistics anew"), "\(greedy.error)")
    let layer = ["--layers", "*.0.attn1.to_q", "--method", "nearest"]
    let outputs = try [old, fixture.stats].enumerated().map { index, statistics in
      let output = here.file("\(index)")
      let result = try Shell.run("fpq-round", ["-i", statistics, "-o", output] + layer)
      #expect(result.status == 0, "\(result.error)")
      return try contents(output)
    }
    #expect(outputs[0] == outputs[1])
    let merged = try Shell.run(
      "fpq-stats", ["--merge", fixture.stats, old, "-o", here.file("merged")])
    #expect(
      isOneLine(merged, from: "fpq-stats", saying: old, "expected the same tensors"),
      "\(merged.error)")
    #expect(try here.contents == ["0", "1", "old"])
  }
}
