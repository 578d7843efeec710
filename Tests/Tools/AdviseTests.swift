import Foundation
import TestSupport
import Testing

/// `fpq-round advise`, which has the options of advice and no others.
struct AdviseTests {
  let fixture: Fixture
  let here: TemporaryFolder

  init() throws {
    fixture = try Fixture.shared()
    here = try TemporaryFolder()
  }

  private func advise(_ options: String) throws -> Shell.Result {
    try Shell.run(
      "fpq-round",
      ["advise", "-i", fixture.stats] + options.split(separator: " ").map(String.init))
  }

  @Test(arguments: [
    ("--bits 9", "--bits must be 3 to 8"), ("--tsv", "Missing expected argument '--bits <bits>'"),
    ("--bits 4 --recipe fpq-greedy", "fpq-greedy has one scale of the whole weight"),
    ("--bits 4 --group-size 0", "--group-size must be 1 to 65536"),
    ("--bits 4 --output x", "Unknown option '--output'"),
    ("--bits 4 --format *=e2m1", "Unknown option '--format'"),
    ("--bits 4 --method gptq", "Unknown option '--method'"),
    ("--bits 4 --report x", "Unknown option '--report'"),
    ("--bits 4 --objective block", "Unknown option '--objective'"),
  ])
  func `what advice has no use for is wrong usage`(_ options: String, message: String) throws {
    let result = try advise(options)
    #expect(
      result.status == 64 && result.output.isEmpty && result.error.contains(message),
      "\(result.error)")
  }

  @Test(arguments: ["--bits 4", "--tsv"])
  func `rounding has none of advice's options`(_ option: String) throws {
    let result = try Shell.run(
      "fpq-round", ["-i", fixture.stats] + option.split(separator: " ").map(String.init))
    #expect(
      result.status == 64 && result.output.isEmpty && result.error.contains("Unknown option"))
  }

  @Test func `help of the tool is that of rounding, and names advice`() throws {
    for arguments in [["--help"], ["-h"], ["round", "--help"]] {
      let help = try Shell.run("fpq-round", arguments).text
      for part in [
        "fpq-round advise --bits", "FILES:", "WEIGHTS:", "INPUTS:", "BLOCKS:", "REPORTS:",
      ] {
        #expect(help.contains(part), "\(part)")
      }
    }
    let advice = try Shell.run("fpq-round", ["advise", "--help"]).text
    #expect(advice.contains("--bits <bits>") && !advice.contains("--method"))
  }

  @Test func `recipe, groups and layers decide what is tried`() throws {
    let layer = "--bits 4 --tsv --layers transformer_blocks.0.attn1.to_out.0"
    let plain = try advise(layer)
    #expect(plain.status == 0 && plain.error.isEmpty, "\(plain.error)")
    #expect(plain.text.contains("groups of 64\n"))
    let wide = try advise("\(layer) --group-size 256")
    #expect(wide.text.contains("groups of 256\n"))
    let paper = try advise("\(layer) --recipe fp4dit-alpha --group-size 64")
    let others = try advise("--bits 4 --tsv --layers transformer_blocks.1.attn1.to_out.0")
    let aligned = try advise("--bits 4 --layers transformer_blocks.0.attn1.to_out.0")
    #expect(
      Set([plain, wide, paper, others, aligned].map(\.text)).count == 5, "\(paper.error)")
    let said = try advise("\(layer) --verbose")
    #expect(said.text == plain.text && said.error.contains("1 layers, "), "\(said.error)")
  }

  @Test func `advice from the law alone, and beside the statistics`() throws {
    let law = try Shell.run("fpq-round", ["advise", "--bits", "8", "--tsv"])
    #expect(law.status == 0 && law.error.isEmpty)
    #expect(law.text.contains("\ne4m3\t4929.3") && !law.text.contains("sqnr"))
    let both = try Shell.run(
      "fpq-round",
      ["advise", "-i", fixture.stats, "--bits", "4", "--layers", "transformer_blocks.0.*", "--tsv"])
    #expect(both.status == 0, "\(both.error)")
    let blocks = both.text.split(separator: "\n\n").map {
      $0.split(separator: "\n").filter { !$0.hasPrefix("#") }.map {
        $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      }
    }
    #expect(blocks.count == 3)
    #expect(blocks[0].map { $0[0] } == ["format", "e2m1", "e1m2", "e3m0"])
    // One step a binade is the worst that 4 bits can do, and every layer is judged.
    let sqnr = blocks[0].dropFirst().compactMap { Double($0[4]) }
    #expect(sqnr.count == 3 && sqnr[2] < sqnr[0] - 2 && sqnr.allSatisfy { (10...50).contains($0) })
    #expect(blocks[0].dropFirst().compactMap { Int($0[5]) }.reduce(0, +) == 10)
    #expect(blocks[1].map { $0[0] } == ["group_size", "16", "32", "64", "128", "256"])
    #expect(blocks[2].dropFirst().map { $0[0] }.contains("*.ff.net.2") && blocks[2].count == 11)
    // The same machinery as of a run with that format: the report's figure.
    let report = here.file("layers.tsv")
    let round = try Shell.run(
      "fpq-round",
      [
        "-i", fixture.stats, "--layers", "transformer_blocks.0.ff.net.2",
        "--method", "nearest",
        "--format",
        "transformer_blocks.*=e1m2", "--report", report, "-o", here.file("codes"),
      ])
    #expect(round.status == 0, "\(round.error)")
    let line = try String(contentsOfFile: report, encoding: .utf8).split(separator: "\n")[1]
    let reported = Double(line.split(separator: "\t", omittingEmptySubsequences: false)[7])
    let column = try #require(blocks[2][0].firstIndex(of: "e1m2_db"))
    let advised = blocks[2].first { $0[0] == "*.ff.net.2" }.flatMap { Double($0[column]) }
    // The report has two decimals.
    #expect(abs((reported ?? 0) - (advised ?? 1)) < 0.0051)
    let piped = try Shell.script(
      "fpq-round advise --bits 4 --layers 'transformer_blocks.0.*' --tsv < '\(fixture.stats)'")
    #expect(piped.text == both.text)
  }
}
