import Tensors
import TestSupport
import Testing

/// `--rank` through the tools; FormatTests draws with branches.
struct BranchTests {
  let fixture: Fixture
  let here: TemporaryFolder

  init() throws {
    fixture = try Fixture.shared()
    here = try TemporaryFolder()
  }

  @Test(arguments: ["output", "weight"])
  func `codes have a branch beside them, the same for any number of threads`(_ metric: String)
    throws
  {
    let files = try ["1", "3"].map { threads in
      let result = try Shell.run(
        "fpq-round",
        [
          "-i", fixture.stats, "--layers", "*.0.ff.net.?*", "--method",
          "nearest", "--rank", "5",
          "--rank-metric", metric, "-t", threads, "-o", here.file(threads),
        ])
      #expect(result.status == 0, "\(result.error)")
      return here.file(threads)
    }
    #expect(try contents(files[0]) == contents(files[1]))
    let codes = try SafetensorsFile(files[0])
    for (layer, outputs, inputs) in [("ff.net.0.proj", 1024, 256), ("ff.net.2", 256, 1024)] {
      let (up, down) = (
        try codes.tensor("transformer_blocks.0.\(layer).up"),
        try codes.tensor("transformer_blocks.0.\(layer).down")
      )
      #expect(up.dtype == .f16 && up.shape == [outputs, 5])
      #expect(down.dtype == .f16 && down.shape == [5, inputs])
    }
    #expect(codes.metadata["fpq.history"]?.contains("--rank 5 --rank-metric \(metric)") == true)
    #expect(codes.metadata["fpq.layers"]?.contains("\"rank\":5") == true)
  }

  @Test func `a rank beyond the layer's is refused`() throws {
    let result = try Shell.run(
      "fpq-round",
      ["-i", fixture.stats, "--method", "nearest", "--rank", "257", "-o", here.file("codes")])
    #expect(
      isOneLine(
        result, from: "fpq-round", saying: "transformer_blocks.0.attn1.to_q.weight",
        "expected a rank of at most 256 for --rank, found 257"), "\(result.error)")
    #expect(try here.contents.isEmpty)
  }

  @Test(arguments: [
    ("--rank 4 --objective block", "--objective block learns codes without --rank"),
    ("--rank 16385", "--rank must be 0 to 16384"),
    ("--rank-metric output", "--rank-metric needs --rank"),
    ("--rank 4 --rank-metric loud", "'loud'"),
  ])
  func `a branch where there is none is wrong usage`(_ options: String, message: String) throws {
    let result = try Shell.run(
      "fpq-round", ["-i", fixture.stats] + options.split(separator: " ").map(String.init))
    #expect(
      result.status == 64 && result.output.isEmpty && result.error.contains(message),
      "\(result.error)")
  }

  @Test func `a branch of another shape is refused by its name`() throws {
    let codes = here.file("codes")
    let rounded = try Shell.run(
      "fpq-round",
      [
        "-i", fixture.stats, "--layers", "*.0.attn1.to_q", "--method",
        "nearest", "--rank", "2",
        "-o", codes,
      ])
    #expect(rounded.status == 0, "\(rounded.error)")
    let good = try SafetensorsFile(codes)
    let name = "transformer_blocks.0.attn1.to_q"
    for (factor, shape) in [("up", [2, 256]), ("down", [256, 2])] {
      let tensors = try good.names.map { tensor in
        tensor == "\(name).\(factor)"
          ? Tensor(
            name: tensor, dtype: .f16, shape: shape, values: [Float16](repeating: 0, count: 512))
          : try good.tensor(tensor)
      }
      let bad = try save(here.file("bad"), tensors, metadata: good.metadata)
      let result = try Shell.run("fpq-pack", ["-i", bad, "-o", here.file("packed.safetensors")])
      #expect(isOneLine(result, from: "fpq-pack", saying: bad, "\(name).\(factor)"))
    }
    #expect(try here.contents == ["bad", "codes"])
  }
}
