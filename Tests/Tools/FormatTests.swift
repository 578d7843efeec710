import Foundation
import Tensors
import TestSupport
import Testing

/// Weight formats, scales and input transforms from statistics to the picture.
struct FormatTests {
  let fixture: Fixture
  let here: TemporaryFolder

  init() throws {
    fixture = try Fixture.shared()
    here = try TemporaryFolder()
  }

  /// Rounds and packs two of the six blocks, which is enough to see each kind of layer twice.
  private func pack(_ options: String, _ codes: String, _ packed: String) throws -> Shell.Result {
    try Shell.script(
      """
      set -f
      fpq-round -i '\(fixture.stats)' --skip 'transformer_blocks.[1-4].*' \(options) -o '\(codes)' &&
      fpq-pack -i '\(codes)' -o '\(packed)' --verify
      """)
  }

  /// Draws `name`.png and saves `name`.latents.
  private func draw(
    _ model: String, _ name: String, activations: String = "none", steps: String = "2"
  ) throws {
    let result = try Shell.run(
      "dit-run",
      [
        "-m", model, "-p", "red heart", "--steps", steps, "--activations", activations, "-o",
        here.file("\(name).png"), "--save-latents", here.file("\(name).latents"),
      ])
    #expect(result.status == 0, "\(result.error)")
  }

  /// A packed layer and the float layer that its codes mean differ by f32 rounding alone.
  ///
  /// A sum of 1,024 products is off by 2e-6 of itself (2^-24 each, as a random walk: -114 dB); 20
  /// layers, 2 steps and guidance make at most -90 dB of the latents. What is to be found leaves
  /// more: one of 65,536 codes off by a level 69 dB (`attn1.to_out.0`), F16 scales off by their
  /// last bit in one layer 55 dB (`ff.net.2`).
  private static let latents = "85"
  /// At 80 dB latents move the decoder's output by some 1e-4 of half its range, a hundredth of a
  /// grey level.
  ///
  /// One value in 40 is rounded to another level, which is 64 dB.
  private static let picture = "60"

  /// Inputs as they come.
  private static let plain = "--no-center --no-smooth --hadamard 1"
  /// An F16 scale for 128 weights, inputs as they come.
  private static let wide = "--scale-type f16 --group-size 128 \(plain)"

  /// Options, and bits per weight of the example model's blocks.
  ///
  /// Three quarters of the weights are in rows of 256, the others in rows of 1,024. A block has
  /// 1,048,576 of them, in eight layers [256][256], one [1024][256] and one [256][1024], and 2,560
  /// channels at its seven sites: an F16 number for each is .0391 bits per weight. A branch of rank
  /// 1 has 16 (N + K) bits: .1016 a weight.
  @Test(arguments: [
    // The default: 4 + 8 / 64, means and balances.
    ("", "4.203"),
    ("--method gptq", "4.203"),
    ("--method gptq --format *=e2m1 --asymmetric \(wide)", "4.250"),
    (
      "--method gptq --format *=e2m1 --asymmetric --scale-type e4m3 --group-size 32 \(plain)",
      "4.500"
    ),
    // NVFP4: 4 + 8 / 16.
    (
      "--method nearest --format *=e2m1 --scale absmax --scale-type e4m3 --group-size 16 \(plain)",
      "4.500"
    ),
    (
      "--method descent --format *=e2m1 --scale four-over-six --scale-type e4m3 --group-size 16 \(plain)",
      "4.500"
    ),
    ("--method gptq --format *=lloyd4 \(wide)", "4.125"),
    ("--method gptq --format *=lloyd4 --scale-type e4m3 --group-size 64 \(plain)", "4.125"),
    ("--method gptq --format *=int4 \(wide)", "4.156"),
    // 86 words of 16 bits for 256 weights, 342 for 1,024, and a scale per row.
    ("--method nearest --format *=fp5.33 --scale-type f16 \(plain)", "5.418"),
    // 4.25 and a scale per row.
    (
      "--method nearest --format *=fp4.25 --shared-bit overwrite --scale-type f16 \(plain)",
      "4.301"
    ),
    // F16 means or balances of the channels beside the codes.
    (
      "--method gptq --format *=e2m1 --scale-type f16 --group-size 128 --center --no-smooth --hadamard 1",
      "4.164"
    ),
    (
      "--method gptq --format *=e2m1 --scale-type f16 --group-size 128 --no-center --smooth 0.5 --hadamard 1",
      "4.164"
    ),
    (
      "--method gptq --format *=e2m1 --scale-type f16 --group-size 128 --no-center --no-smooth --hadamard 16",
      "4.125"
    ),
    // Two F16 scales for 128 weights, means and balances.
    (
      "--method gptq --format *=e2m1 --asymmetric --scale-type f16 --group-size 128 --center --smooth 0.7 --hadamard 32",
      "4.328"
    ),
    (
      "--method nearest --format *=fp4.25 --scale-type f16 --center --smooth 0.5 --hadamard 8",
      "4.379"
    ),
    // Branches, and those of the plain singular values beside what the default has.
    ("--method gptq --format *=e2m1 --rank 4 \(wide)", "4.531"),
    ("--method nearest --rank 8 --rank-metric weight --smooth 0.5", "5.016"),
    // A scale per row, all alike, and an F32 per site.
    ("--recipe fpq-greedy --method nearest", "4.051"),
    // Whole blocks: what is learned is stored as ever.
    ("--objective block --samples 12 --batch-size 4 --iterations 20 --tune-codes", "4.203"),
  ])
  func `a packed model draws what its codes mean`(_ options: String, bits: String) throws {
    let (codes, packed) = (here.file("codes.safetensors"), here.file("packed.safetensors"))
    let made = try pack(
      options.replacing("*=", with: "transformer_blocks.*="), codes, packed)
    #expect(
      made.status == 0 && made.error.contains("20 layers at \(bits)")
        && made.error.contains("verified 20 layers"), "\(made.error)")
    let meaning = here.file("meaning")
    try DequantizedModel(codes: codes).write(to: meaning)
    try draw(packed, "packed")
    try draw(meaning, "meaning")
    let latents = try Shell.run(
      "fpq-show",
      [
        "diff", here.file("meaning.latents"), here.file("packed.latents"), "--min-sqnr",
        FormatTests.latents,
      ])
    #expect(latents.status == 0, "\(latents.text)")
    let picture = try Shell.run(
      "fpq-show",
      [
        "compare", here.file("meaning.png"), here.file("packed.png"), "--min-psnr",
        FormatTests.picture,
      ])
    #expect(picture.status == 0, "\(picture.text)")
  }

  /// The kernels' bytes of a format in words, on every instruction set, and beside the picture
  /// without rounded inputs.
  @Test func `inputs of few bits draw much the same with a shared bit`() throws {
    let packed = here.file("packed.safetensors")
    let made = try pack(
      "--method nearest --scale absmax --format transformer_blocks.*=fp5.33",
      here.file("codes.safetensors"), packed)
    #expect(made.status == 0, "\(made.error)")
    try draw(packed, "float")
    let pictures = try ["scalar", "avx2", "avx512"].map { tier in
      let result = try Shell.run(
        "dit-run", ["-m", packed, "-p", "red heart", "--steps", "2"],
        environment: ["FPQ_TIER": tier])
      #expect(result.status == 0, "\(result.error)")
      return result.output
    }
    #expect(pictures.allSatisfy { $0 == pictures[0] })
    let rounded = try here.write("rounded.png", pictures[0])
    // An input of three mantissa bits is off by 2.6 % (1 / 16 at most, uniformly, over the binade):
    // 32 dB. Twenty layers left 26 dB of the picture; a wrong sign or scale in one leaves less than
    // 15.
    let compared = try Shell.run(
      "fpq-show", ["compare", here.file("float.png"), rounded, "--min-psnr", "22"])
    #expect(compared.status == 0, "\(compared.text)")
  }

  /// Every option here is wrong usage that the arguments alone show.
  @Test(arguments: [
    ("--asymmetric", "format lloyd4: expected a symmetric 4-bit"),
    ("--recipe fp4dit-alpha --asymmetric --format *=lloyd4", "format lloyd4: expected a symmetric"),
    ("--format *=fp5.33", "format fp5.33: expected --method nearest, found descent"),
    ("--format *=fp4.25 --method gptq", "format fp4.25: expected --method nearest, found gptq"),
    (
      "--format *=fp4.25 --method adaround",
      "format fp4.25: expected --method nearest, found adaround"
    ),
    (
      "--format *=fp5.33 --method nearest --asymmetric", "format fp5.33: expected a symmetric 4-bit"
    ),
    ("--format *=int4 --asymmetric", "format int4: expected a symmetric 4-bit"),
    ("--shared-bit overwrite", "--shared-bit is for layers of --format fp5.33 or fp4.25"),
    ("--scale four-over-six", "format lloyd4: expected e2m1 with --scale-type e4m3"),
    (
      "--scale four-over-six --format *=e2m1 --scale-type f16",
      "for --scale four-over-six, found e2m1 with f16"
    ),
    (
      "--scale four-over-six --scale-type e4m3 --format *=e1m2",
      "format e1m2: expected e2m1 with --scale-type e4m3"
    ),
    ("--format *=e9m9", "format e9m9: expected a name like e2m1"),
  ])
  func `what does not go together is wrong usage`(_ options: String, message: String) throws {
    let result = try Shell.run(
      "fpq-round", ["-i", fixture.stats] + options.split(separator: " ").map(String.init))
    #expect(result.status == 64 && result.output.isEmpty && result.error.contains(message))
  }

  @Test func `what a recipe's formats do not have is refused by their name`() throws {
    // Which layers keep the recipe's format only their names show.
    for (recipe, pattern, options) in [
      ("fp4dit-sigma", "*.attn1.*", ["--scale", "four-over-six", "--scale-type", "e4m3"]),
      ("balanced", "*.attn1.*", ["--asymmetric"]),
    ] {
      let result = try Shell.run(
        "fpq-round",
        ["-i", fixture.stats, "--recipe", recipe, "--format", "\(pattern)=e2m1"] + options
          + ["-o", here.file("codes")])
      let refused = recipe == "balanced" ? "format lloyd4" : "format e1m2"
      #expect(isOneLine(result, from: "fpq-round", saying: refused, options[0]), "\(result.error)")
    }
    let five = try Shell.run(
      "fpq-round", ["-i", fixture.stats, "--format", "*.to_q=e2m2", "-o", here.file("codes")])
    #expect(isOneLine(five, from: "fpq-round", saying: "e2m2", "fp4.25, fp5.33 or int8"))
    #expect(try here.contents.isEmpty)
  }

  @Test func `a group size is said to be none of a row with one scale`() throws {
    let codes = here.file("codes.safetensors")
    let result = try Shell.run(
      "fpq-round",
      [
        "-i", fixture.stats, "--layers", "*.0.attn1.to_q", "--method",
        "nearest", "--format",
        "*.to_q=fp4.25", "--group-size", "32", "-o", codes,
      ])
    #expect(
      result.status == 0
        && result.error
          == "fpq-round: fp4.25: one scale per row, not one for 32 weights (--group-size)\n"
    )
    let scales = try SafetensorsFile(codes).tensor("transformer_blocks.0.attn1.to_q.scales")
    #expect(scales.shape == [256, 1])
  }

  @Test func `codes whose bits are not shared, and words that do not fit, are refused`() throws {
    let (codes, packed) = (here.file("codes.safetensors"), here.file("packed.safetensors"))
    let made = try pack(
      "--method nearest --scale absmax --format transformer_blocks.*=fp5.33", codes, packed)
    #expect(made.status == 0, "\(made.error)")
    let name = "transformer_blocks.0.attn1.to_k"
    func changed(_ path: String, _ tensor: String, _ change: (Tensor) -> Tensor) throws -> String {
      let file = try SafetensorsFile(path)
      return try save(
        here.file("bad.safetensors"),
        file.names.map { try $0 == tensor ? change(file.tensor($0)) : file.tensor($0) },
        metadata: file.metadata)
    }
    let loose = try changed(codes, "\(name).codes") { tensor in
      var bytes = [UInt8](tensor.bytes)
      bytes[1] ^= 1
      return Tensor(name: tensor.name, dtype: .u8, shape: tensor.shape, values: bytes)
    }
    let pack = try Shell.run("fpq-pack", ["-i", loose, "-o", here.file("new.safetensors")])
    #expect(
      isOneLine(
        pack, from: "fpq-pack", saying: "\(name).codes", "3 codes that end in the same bit"),
      "\(pack.error)")
    let short = try changed(packed, "\(name).weight") { tensor in
      Tensor(
        name: tensor.name, dtype: .u16, shape: [256, 85],
        values: [UInt16](repeating: 0, count: 256 * 85))
    }
    let run = try Shell.run("dit-run", ["-m", short, "-p", "owl", "-o", here.file("owl.png")])
    #expect(
      isOneLine(
        run, from: "dit-run", saying: "\(name).weight",
        "expected U16 [256, 86], found U16 [256, 85]"),
      "\(run.error)")
    #expect(try here.contents == ["bad.safetensors", "codes.safetensors", "packed.safetensors"])
  }
}
