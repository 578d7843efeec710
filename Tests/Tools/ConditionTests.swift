import Foundation
import TestSupport
import Testing

/// Models that are told the picture's size (PixArt-alpha at 1024 px): their conditioning is
/// calibrated like any layer.
struct ConditionTests {
  @Test func `size and aspect ratio enter the statistics`() throws {
    let here = try TemporaryFolder()
    let prompts = try here.write("prompts.txt", "red apple\nfrog\n".utf8)
    let (stats, report) = (here.file("stats"), here.file("report"))
    let collected = try Shell.run(
      "fpq-stats",
      [
        "-m", References.path("pipeline-alpha/pipeline"), "-f", prompts, "--steps", "3", "-o",
        stats,
      ])
    #expect(collected.status == 0, "\(collected.error)")
    let shown = try Shell.run("fpq-show", ["stats", stats, "--tsv"])
    #expect(shown.status == 0, "\(shown.error)")
    /// The tokens of the site `name`.
    func tokens(_ name: String) -> String? {
      shown.text.split(separator: "\n").map { $0.split(separator: "\t") }
        .first { $0.first.map(String.init) == name }.map { String($0[2]) }
    }
    let embedder = "adaln_single.emb"
    // 2 prompts of 3 steps: one ratio, height and width, and a timestep for each half of guidance.
    #expect(tokens("\(embedder).aspect_ratio_embedder.linear_1") == "6.0")
    #expect(tokens("\(embedder).resolution_embedder.linear_1") == "12.0")
    #expect(tokens("\(embedder).timestep_embedder.linear_1") == "12.0")

    let rounded = try Shell.run(
      "fpq-round",
      [
        "-i", stats, "--recipe", "fp4dit-alpha", "--iterations", "2", "-o", here.file("codes"),
        "--report", report,
      ])
    #expect(rounded.status == 0, "\(rounded.error)")
    #expect(!String(decoding: try contents(report), as: UTF8.self).contains("never seen"))
  }
}
