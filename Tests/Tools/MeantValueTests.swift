import Foundation
import Platform
import TestSupport
import Testing

/// What users write as others take it, and what nobody can have meant.
struct MeantValueTests {
  let here: TemporaryFolder

  init() throws { here = try TemporaryFolder() }

  private func draw(
    _ options: [String], model: String = Fixture.model, environment: [String: String] = [:]
  ) throws -> Shell.Result {
    try Shell.run(
      "dit-run", ["-m", model, "--steps", "1", "-o", here.file("o.png")] + options,
      environment: environment)
  }

  /// The settings in the picture that was drawn.
  private func settings() throws -> String {
    let texts = PNGChunks.text(in: Array(try contents(here.file("o.png"))))
    return texts.first { $0.key == "parameters" }?.value ?? ""
  }

  @Test func `seed -1 is drawn, said, and draws the same picture again`() throws {
    let drawn = try draw(["-p", "owl", "-s", "-1"])
    #expect(drawn.status == 0)
    let seed = try #require(drawn.error.firstMatch(of: /^dit-run: seed (\d+)\n$/)?.1)
    #expect(try settings().contains(", Seed: \(seed), "))
    let first = try contents(here.file("o.png"))
    #expect(try draw(["-p", "owl", "--seed", String(seed)]).status == 0)
    #expect(try contents(here.file("o.png")) == first)
    // Of 2^32 seeds.
    #expect(try draw(["-p", "owl", "--seed=-1"]).error != drawn.error)
    for wrong in ["-2", "1.5", "18446744073709551616", "x"] {
      #expect(try draw(["-p", "owl", "-s", wrong]).status == 64, "\(wrong)")
    }
  }

  @Test func `a prompt may begin with a hyphen`() throws {
    #expect(try draw(["-p", "-foo", "--negative-prompt", "--bar"]).status == 0)
    #expect(try settings().hasPrefix("-foo\nNegative prompt: --bar\n"))
  }

  @Test func `names are quoted as AUTOMATIC1111 quotes them`() throws {
    for (name, quoted) in [
      ("a, Seed: 5, b", #""a, Seed: 5, b""#), ("new\nline", #""new\u000aline""#),
      ("a:b", #""a:b""#),
      ("plain name", "plain name"),
    ] {
      let model = here.file(name)
      try FileManager.default.createSymbolicLink(
        atPath: model, withDestinationPath: Fixture.model)
      #expect(try draw(["-p", "owl"], model: model).status == 0)
      let last = try settings().split(separator: "\n").last ?? ""
      #expect(last.contains(", Model: \(quoted), Version: "), "\(last)")
    }
  }

  @Test(arguments: ["xyz", "AVX2", "1"])
  func `a kernel tier that there is not`(_ tier: String) throws {
    for tool in ["dit-run", "fpq-stats", "fpq-round", "fpq-pack", "fpq-show"] {
      let result = try Shell.run(tool, ["--version"], environment: ["FPQ_TIER": tier])
      #expect(
        isOneLine(
          result, from: tool, saying: "FPQ_TIER: expected scalar or avx2 or avx512, found \(tier)"),
        "\(result.error)")
    }
    #expect(try draw(["-p", "owl"], environment: ["FPQ_TIER": "scalar"]).status == 0)
  }

  @Test func `static activations of a float model`() throws {
    let result = try draw(["-p", "owl", "--activations", "e2m3:static"])
    #expect(
      isOneLine(result, from: "dit-run", saying: "e2m3:static", "a float model has no static"),
      "\(result.error)")
    #expect(try draw(["-p", "owl", "--activations", "e2m3:token"]).status == 0)
  }

  @Test(arguments: ["1e30", "nan", "inf", "-1e30", "1001"])
  func `guidance that cannot be meant`(_ scale: String) throws {
    let result = try draw(["-p", "owl", "--guidance-scale", scale])
    #expect(result.status == 64 && result.error.contains("--guidance-scale"), "\(result.error)")
  }
}
