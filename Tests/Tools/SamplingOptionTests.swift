import Foundation
import Tensors
import TestSupport
import Testing

/// Every option of `dit-run`, `fpq-stats` and `fpq-pack` that no other test is about changes what
/// the built tool writes.
struct SamplingOptionTests {
  let fixture: Fixture
  let here: TemporaryFolder

  init() throws {
    fixture = try Fixture.shared()
    here = try TemporaryFolder()
  }

  private static let example = Fixture.model
  /// Of 256 pixels, for which there are sizes that it was trained on.
  private static let sigma = References.path("pipeline-sigma/pipeline")

  /// The picture that `options` draw.
  private func draw(_ model: String, _ options: [String]) throws -> Data {
    let result = try Shell.run(
      "dit-run", ["-m", model, "-p", "red heart", "--steps", "2"] + options)
    // A prompt that is cut short is said.
    let isSilent = !options.contains("--max-sequence-length")
    #expect(
      result.status == 0 && result.error.isEmpty == isSilent, "\(options): \(result.error)")
    return result.output
  }

  @Test func `pictures are others with each option of sampling`() throws {
    let plain = try draw(SamplingOptionTests.example, ["--no-metadata"])
    for options in [
      "--guidance-scale 1", "--negative-prompt blue", "--width 96", "--height 96",
      "--scheduler ddim", "--scheduler lcm", "--max-sequence-length 3",
      "--seed 1", "--steps 3",
    ] {
      let words = options.split(separator: " ").map(String.init)
      #expect(
        try draw(SamplingOptionTests.example, ["--no-metadata"] + words) != plain, "\(options)")
    }
    // A picture of the size that the model was trained on is one tile.
    let large = ["--no-metadata", "--width", "128", "--height", "128"]
    #expect(
      try draw(SamplingOptionTests.example, large)
        != draw(SamplingOptionTests.example, large + ["--vae-tiling"]))
    let binned = ["--no-metadata", "--width", "64", "--height", "96"]
    let sampled = try draw(SamplingOptionTests.sigma, binned + ["--resolution-binning"])
    #expect(try sampled == draw(SamplingOptionTests.sigma, binned))
    #expect(try sampled != draw(SamplingOptionTests.sigma, binned + ["--no-resolution-binning"]))
  }

  @Test func `a picture carries its prompt unless told not to`() throws {
    let said = try draw(SamplingOptionTests.example, ["--metadata"])
    #expect(try said == draw(SamplingOptionTests.example, []))
    #expect(said.range(of: Data("red heart".utf8)) != nil)
    let silent = try draw(SamplingOptionTests.example, ["--no-metadata"])
    #expect(silent.range(of: Data("red heart".utf8)) == nil)
  }

  @Test func `a batch has a picture for each seed, and latents start again`() throws {
    let result = try Shell.run(
      "dit-run",
      [
        "-m", SamplingOptionTests.example, "-p", "red heart", "--steps", "2", "--no-metadata",
        "--seed", "4", "--batch-count", "2", "--save-latents", here.file("latents"), "-o",
        here.file("%d.png"), "--verbose",
      ])
    #expect(result.status == 0 && result.error.contains("pictures: 2, "), "\(result.error)")
    let pictures = try here.contents.filter { $0.hasSuffix(".png") }.map {
      try contents(here.file($0))
    }
    try #require(pictures.count == 2)
    #expect(
      try pictures[1] == draw(SamplingOptionTests.example, ["--no-metadata", "--seed", "5"]))
    // The first picture's noise, whatever the seed.
    let saved = try SafetensorsFile(here.file("latents")).tensor("initial_latents")
    let size = saved.bytes.count / 2
    let first = try save(
      here.file("first"),
      [
        Tensor(
          name: "initial_latents", dtype: saved.dtype, shape: [1] + saved.shape.dropFirst(),
          origin: saved.origin, storage: saved.storage,
          range: saved.range.lowerBound..<(saved.range.lowerBound + size))
      ])
    #expect(
      try pictures[0]
        == draw(
          SamplingOptionTests.example, ["--no-metadata", "--seed", "9", "--latents", first]))
  }

  @Test func `inner values are kept where they are asked for`() throws {
    let dump = here.file("inner")
    _ = try draw(
      SamplingOptionTests.example, ["--dump", "transformer_blocks.2.*@1", "--dump-file", dump])
    let names = try SafetensorsFile(dump).names
    #expect(!names.isEmpty && names.allSatisfy { $0.contains("transformer_blocks.2.") }, "\(names)")
  }

  @Test func `a packed file takes its other parts from where it is told`() throws {
    let plain = try draw(fixture.packed, ["--no-metadata"])
    let (copy, none) = (here.file("copy"), here.file("none"))
    try FileManager.default.copyItem(atPath: SamplingOptionTests.example, toPath: copy)
    #expect(try draw(fixture.packed, ["--no-metadata", "--base", copy]) == plain)
    let refused = try Shell.run("dit-run", ["-m", fixture.packed, "-p", "owl", "--base", none])
    #expect(isOneLine(refused, from: "dit-run", saying: none), "\(refused.error)")
  }

  /// The tensors of statistics of one prompt.
  private func statistics(_ model: String, _ options: [String]) throws -> [String: Data] {
    let result = try Shell.run(
      "fpq-stats",
      [
        "-m", model, "-f", fixture.prompts, "--limit", "1", "--steps", "2", "-o",
        here.file("stats"),
      ] + options)
    #expect(result.status == 0, "\(options): \(result.error)")
    #expect(result.error.contains("1 prompts, ") == options.contains("--verbose"))
    let file = try SafetensorsFile(here.file("stats"))
    let tensors = try file.names.map { ($0, Data(try file.tensor($0).bytes)) }
    return Dictionary(uniqueKeysWithValues: tensors)
  }

  @Test func `statistics are others with each option of sampling`() throws {
    let plain = try statistics(SamplingOptionTests.example, ["--verbose"])
    for options in [
      "--guidance-scale 1", "--negative-prompt blue", "--width 96", "--height 96",
      "--scheduler ddim", "--max-sequence-length 3", "--tokens-per-sample 5",
    ] {
      let words = options.split(separator: " ").map(String.init)
      #expect(try statistics(SamplingOptionTests.example, words) != plain, "\(options)")
    }
    let small = ["--width", "64", "--height", "96"]
    let binned = try statistics(SamplingOptionTests.sigma, small + ["--resolution-binning"])
    #expect(
      try binned != statistics(SamplingOptionTests.sigma, small + ["--no-resolution-binning"]))
  }

  @Test func `a packed folder links its other parts when told to`() throws {
    for (options, isLinked) in [([], false), (["--link", "--verbose"], true)] {
      let folder = here.file("\(isLinked)")
      let result = try Shell.run("fpq-pack", ["-i", fixture.codes, "-o", folder] + options)
      #expect(result.status == 0, "\(result.error)")
      #expect(result.error.contains("peak memory") == isLinked, "\(result.error)")
      for part in ["vae", "text_encoder", "tokenizer", "scheduler"] {
        let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(part)")
        #expect((link != nil) == isLinked, "\(part)")
        #expect(FileManager.default.fileExists(atPath: "\(folder)/\(part)"))
      }
    }
  }
}
