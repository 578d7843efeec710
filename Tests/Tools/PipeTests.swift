import Foundation
import Tensors
import TestSupport
import Testing

/// The four tools in a row, as a shell chains them.
struct PipeTests {
  let fixture: Fixture
  let here: TemporaryFolder
  let stage: String

  init() throws {
    fixture = try Fixture.shared()
    here = try TemporaryFolder()
    stage = "fpq-stats -m '\(Fixture.model)' -f '\(fixture.prompts)' --steps 3 --seed 5"
  }

  @Test func `one pipe gives the picture of step by step files`() throws {
    let piped = try Shell.script(
      "\(stage) | fpq-round | fpq-pack | dit-run -p 'red heart' --steps 3", in: here.path)
    #expect(piped.status == 0, "\(piped.error)")
    #expect(piped.output.starts(with: [0x89, 0x50, 0x4E, 0x47]))

    let folder = here.file("packed-model")
    let packed = try Shell.run("fpq-pack", ["-i", fixture.codes, "-o", folder, "--verify"])
    #expect(packed.status == 0, "\(packed.error)")
    let stepwise = try Shell.run("dit-run", ["-m", folder, "-p", "red heart", "--steps", "3"])
    #expect(stepwise.status == 0, "\(stepwise.error)")
    let pixels = try [piped.output, stepwise.output].enumerated().map { index, png in
      // The model's name stands in the picture's text, so compare what is drawn.
      try here.write("\(index).png", png)
    }
    let compared = try Shell.run(
      "fpq-show", ["compare", pixels[0], pixels[1], "--min-psnr", "200"])
    #expect(compared.status == 0, "\(compared.text)")
  }

  @Test(arguments: ["1", "2", "5"])
  func `any number of threads gives the same bytes`(_ threads: String) throws {
    let stats = here.file("stats")
    let codes = here.file("codes")
    let chain = """
      \(stage) -t \(threads) -o \(stats) && fpq-round -t \(threads) -i \(stats) -o \(codes) &&
      fpq-pack -t \(threads) -i \(codes) | dit-run -t \(threads) -p frog --steps 2 -o two.png &&
      dit-run -m '\(fixture.packed)' -p frog --steps 2 -o reference.png
      """
    let result = try Shell.script(chain, in: here.path)
    #expect(result.status == 0, "\(result.error)")
    #expect(try contents(stats) == contents(fixture.stats))
    #expect(try contents(codes) == contents(fixture.codes))
    #expect(try contents(here.file("two.png")) == contents(here.file("reference.png")))
  }

  @Test(arguments: ["none", "e3m4:token", "int8:token-group", "e2m3:token-group", "e3m2:token"])
  func `every instruction set draws the same picture`(_ activations: String) throws {
    let pictures = try ["scalar", "avx2", "avx512"].map { tier in
      let result = try Shell.run(
        "dit-run",
        ["-m", fixture.packed, "-p", "owl", "--steps", "2", "--activations", activations],
        environment: ["FPQ_TIER": tier])
      #expect(result.status == 0, "\(result.error)")
      return result.output
    }
    #expect(!pictures[0].isEmpty)
    #expect(pictures.allSatisfy { $0 == pictures[0] })
  }

  @Test func `shards of prompts merge to the bytes of one run`() throws {
    let result = try Shell.script(
      """
      \(stage) --skip 0 --limit 1 -o a && \(stage) --skip 3 -o c && \(stage) --skip 1 --limit 2 -o b &&
      fpq-stats --merge c a b -o merged
      """, in: here.path)
    #expect(result.status == 0, "\(result.error)")
    #expect(try contents(here.file("merged")) == contents(fixture.stats))
    // What is counted of each magnitude adds up to all that entered the sums.
    let name = "transformer_blocks.0.ff.net.2"
    let counts = try (["a", "b", "c"].map(here.file) + [fixture.stats]).map { path in
      let file = try SafetensorsFile(path)
      let histogram = try file.tensor("\(name).histogram", shape: [8192]).doubles()
      let tokens = try file.tensor("\(name).count").doubles()[0]
      #expect(histogram.reduce(0, +) == 1024 * tokens)
      return histogram
    }
    #expect(counts[3] == counts[0].indices.map { counts[0][$0] + counts[1][$0] + counts[2][$0] })
  }

  @Test func `overlapping shards are refused by the prompt's number`() throws {
    let result = try Shell.script(
      "\(stage) --limit 2 -o a && \(stage) --skip 1 --limit 2 -o b && fpq-stats --merge a b -o c",
      in: here.path)
    #expect(isOneLine(result, from: "fpq-stats", saying: "b", "prompt 1", "frog"))
    #expect(try here.contents == ["a", "b"])
  }

  /// All prompts are in the resume file then, which becomes the result.
  @Test func `a run that kept a file to resume from leaves the bytes of one run`() throws {
    let result = try Shell.script("\(stage) --resume --resume-interval 1 -o stats", in: here.path)
    #expect(result.status == 0, "\(result.error)")
    #expect(try contents(here.file("stats")) == contents(fixture.stats))
    #expect(try here.contents == ["stats"])
  }

  /// The text is the same for all blocks, and so are its statistics.
  @Test func `statistics of what all blocks read stand in the file once`() throws {
    let names = try SafetensorsFile(fixture.stats).names.filter { $0.hasSuffix(".attn2.kv.gram") }
    #expect(names == ["transformer_blocks.0.attn2.kv.gram"])
  }

  @Test func `a killed run resumes to the bytes of one run`() throws {
    let killed = try Shell.script(
      """
      \(stage) --resume --resume-interval 1 -o stats & tool=$!
      while [ ! -e stats.resume ] && kill -0 $tool; do sleep 0.02; done; kill -KILL $tool; wait $tool
      """, in: here.path)
    #expect(killed.status == 128 + 9)
    #expect(!FileManager.default.fileExists(atPath: here.file("stats")))
    let resumed = try Shell.script("\(stage) --resume -o stats", in: here.path)
    #expect(resumed.status == 0 && resumed.error.contains("resuming after"), "\(resumed.error)")
    #expect(try contents(here.file("stats")) == contents(fixture.stats))
    #expect(!FileManager.default.fileExists(atPath: here.file("stats.resume")))
  }

  /// All four prompts are in the file: a run of others, or of fewer, would be a mixture.
  @Test func `a run of other prompts does not go on`() throws {
    try contents(fixture.stats).write(to: URL(fileURLWithPath: here.file("stats.resume")))
    try here.write("others", "red apple\nowl\nblack heart\nwolf\n".utf8)
    let sampling = Fixture.sampling.joined(separator: " ")
    for (options, prompt) in [
      ("-f others", "1, \"frog\""), ("-f \(fixture.prompts) --limit 2", "\""),
    ] {
      let result = try Shell.script(
        "fpq-stats -m \(Fixture.model) \(options) \(sampling) --resume -o stats", in: here.path)
      #expect(result.status == 1 && result.error.contains("expected prompts of this run"))
      #expect(result.error.contains(prompt), "\(result.error)")
    }
    #expect(try contents(here.file("stats.resume")) == contents(fixture.stats))
  }

  /// Groups of 128 with F16 scales and inputs as they come; FormatTests derives the bits of the
  /// default.
  @Test(arguments: [
    ("--format transformer_blocks.*=e1m2", "4.125"),
    ("--format transformer_blocks.*=e3m0", "4.125"),
    ("--format transformer_blocks.*=int4", "4.156"),
    ("--format transformer_blocks.*=lloyd4", "4.125"),
  ])
  func `every weight format packs, verifies and runs at its bits`(_ format: String, bits: String)
    throws
  {
    let result = try Shell.script(
      """
      set -f
      fpq-round -i '\(fixture.stats)' \(format) --group-size 128 --scale-type f16 --no-center --no-smooth --hadamard 1 \
        --method nearest --skip 'transformer_blocks.[1-4].*' -o codes &&
      fpq-pack -i codes -o packed.safetensors --verify &&
      dit-run -m packed.safetensors -p owl --steps 2 -o owl.png
      """, in: here.path)
    #expect(
      result.status == 0 && result.error.contains("\(bits) bits per weight"), "\(result.error)")
    #expect(try contents(here.file("owl.png")).starts(with: [0x89, 0x50]))
  }

  @Test func `shards of layers pack to the bytes of one run`() throws {
    let result = try Shell.script(
      """
      fpq-round -i '\(fixture.stats)' --layers '*.attn?.*' -o a &&
      fpq-round -i '\(fixture.stats)' --layers '*.ff.*' -o b && fpq-pack -i b a -o packed.safetensors
      """, in: here.path)
    #expect(result.status == 0, "\(result.error)")
    #expect(try contents(here.file("packed.safetensors")) == contents(fixture.packed))
  }

  /// The calibration's own pictures are nearer to the float model's when layers make up for those
  /// before them. (Four prompts are too few for others.)
  @Test func `rounded layers are made up for`() throws {
    let result = try Shell.script(
      """
      draw() { dit-run "$@" -f '\(fixture.prompts)' \(Fixture.sampling.joined(separator: " ")) -o '%d.png'; }
      draw -m '\(Fixture.model)' --save-latents float
      for inputs in full quantized; do
        fpq-round -i '\(fixture.stats)' --method nearest --inputs $inputs -o codes
        fpq-pack -i codes -o $inputs.safetensors 2> /dev/null
        draw -m $inputs.safetensors --activations none --save-latents latents
        fpq-show diff float latents --tsv | grep final_latents | cut -f 4
      done
      """, in: here.path)
    let sqnr = result.text.split(separator: "\n").compactMap { Double($0) }
    try #require(sqnr.count == 2, "\(result.error)")
    #expect(sqnr[1] > sqnr[0] + 1.5, "\(sqnr)")
  }

  @Test func `shards are refused where layers make up for each other`() throws {
    let result = try Shell.run(
      "fpq-round",
      [
        "-i", fixture.stats, "--inputs", "quantized", "--layers", "*.attn?.*", "-o", here.file("a"),
      ])
    #expect(isOneLine(result, from: "fpq-round", saying: "--inputs full"))
    #expect(try here.contents.isEmpty)
  }

  @Test func `a missing or doubled shard of layers is refused`() throws {
    let shard = here.file("a")
    let rounded = try Shell.run(
      "fpq-round", ["-i", fixture.stats, "--layers", "*.attn?.*", "-o", shard])
    #expect(rounded.status == 0)
    let missing = try Shell.run("fpq-pack", ["-i", shard, "-o", here.file("p.safetensors")])
    #expect(isOneLine(missing, from: "fpq-pack", saying: shard, "missing", "ff.net.0.proj"))
    let doubled = try Shell.run("fpq-pack", ["-i", shard, shard, "-o", here.file("p.safetensors")])
    #expect(isOneLine(doubled, from: "fpq-pack", saying: shard, "attn1"))
    #expect(try here.contents == ["a"])
  }
}
