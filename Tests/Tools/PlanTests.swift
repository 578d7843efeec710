import Foundation
import TestSupport
import Testing

/// `--plan`: what is said of a run, against what the run then does.
struct PlanTests {
  let here: TemporaryFolder

  init() throws { here = try TemporaryFolder() }

  /// The lines of a plan as cells, after which nothing more is there than before.
  private func plan(_ command: String) throws -> [[String]] {
    let before = try here.contents
    let result = try Shell.script("\(command) --plan", in: here.path)
    #expect(result.status == 0 && result.error.isEmpty, "\(result.error)")
    #expect(try here.contents == before)
    return result.text.split(separator: "\n").map {
      $0.components(separatedBy: "  ").map { $0.trimmingCharacters(in: .whitespaces) }
        .filter { !$0.isEmpty }
    }
  }

  /// The megabytes that the plan says of what it `does` with `file`.
  private func megabytes(_ plan: [[String]], _ does: String, _ file: String) throws -> Double {
    let line = try #require(plan.first { $0[0] == does && $0[2] == file }, "\(plan)")
    return try #require(Double(line[1].replacing(" MB", with: "")))
  }

  private func size(_ name: String) throws -> Double {
    Double(try contents(here.file(name)).count) / 1e6
  }

  @Test func `sizes are those of the files`() throws {
    let model = Fixture.model
    let weights = "\(model)/transformer/diffusion_pytorch_model.safetensors"
    let float = Double(try contents(weights).count) / 1e6
    try here.write("prompts", "owl\nred apple\n".utf8)

    let stats = "fpq-stats -m \(model) -f prompts --steps 2 -o stats"
    var told = try plan(stats)
    #expect(abs(try megabytes(told, "reads", "\(model)/transformer") - float) < 0.01)
    #expect(told.contains { $0[0] == "time" && $0[2] == "2 x 2 steps" })
    #expect(try Shell.script(stats, in: here.path).status == 0)
    // The header, with the roles of 60 layers, is what the plan leaves out.
    #expect((0..<0.1).contains(try size("stats") - megabytes(told, "writes", "stats")))

    let text = "fpq-stats -m \(model) -f prompts --part text_encoder -o text"
    told = try plan(text)
    #expect(try Shell.script(text, in: here.path).status == 0)
    #expect((0..<0.1).contains(try size("text") - megabytes(told, "writes", "text")))

    let round = "fpq-round -i stats -o codes"
    told = try plan(round)
    #expect(told.contains { $0.last == "6 x *.ff.net.2" })
    #expect(try Shell.script(round, in: here.path).status == 0)
    // A byte each, and a scale for 64 of them: less than a 32nd with what a site has.
    let codes = try megabytes(told, "writes", "codes")
    #expect((codes..<codes * 1.06).contains(try size("codes")))

    let pack = "fpq-pack -i codes -o packed.safetensors"
    told = try plan(pack)
    #expect(try Shell.script(pack, in: here.path).status == 0)
    #expect(try megabytes(told, "writes", "packed.safetensors") < size("packed.safetensors"))

    told = try plan("dit-run -m packed.safetensors -f prompts --steps 3 -o %d.png")
    #expect(told.contains { $0[0] == "time" && $0[2] == "2 x 3 steps" })
    #expect(told.contains { $0[0] == "time" && $0[2] == "2 decoded" })
  }

  @Test func `what cannot be planned is refused`() throws {
    let stats = try Fixture.shared().stats
    let blocks = try Shell.script("fpq-round -i \(stats) --objective block --plan", in: here.path)
    #expect(blocks.status == 1 && blocks.error.contains("--plan: expected layers"))
    let free = try Shell.script("fpq-stats -m \(Fixture.model) --data-free --plan", in: here.path)
    #expect(free.status == 64)
  }
}
