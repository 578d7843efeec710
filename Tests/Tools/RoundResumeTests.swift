import Foundation
import TestSupport
import Testing

/// `fpq-round --resume`: killed at any moment, it goes on to the bytes of the run that was not.
struct RoundResumeTests {
  let here: TemporaryFolder

  init() throws { here = try TemporaryFolder() }

  private func round(_ options: String, killedAfter seconds: Double? = nil) throws -> Shell.Result {
    let kill = seconds.map { "timeout -s KILL \($0) " } ?? ""
    return try Shell.script(
      "\(kill)fpq-round -i \(Fixture.shared().stats) \(options)", in: here.path)
  }

  private func withoutSeconds(_ report: String) throws -> [String] {
    try String(decoding: contents(here.file(report)), as: UTF8.self).split(separator: "\n").map {
      var cells = $0.split(separator: "\t", omittingEmptySubsequences: false)
      cells.remove(at: 11)
      return cells.joined(separator: "\t")
    }
  }

  @Test func `killed runs go on to the same bytes`() throws {
    let whole = try round("-o whole --report whole.tsv -v")
    #expect(whole.status == 0)
    var kept: [Int] = []
    for number in 0..<15 {
      // The time of a run on a quiet machine, shared out; a slow machine is only killed earlier.
      let result = try round(
        "-o out --report out.tsv --resume -v", killedAfter: 0.3 + 0.15 * Double(number))
      guard result.status != 0 else {
        // The table is made of what was kept, to six digits of the errors.
        #expect(result.error.contains("mean output SQNR of a layer"))
        break
      }
      #expect(!FileManager.default.fileExists(atPath: here.file("out")))
      let files = (try? FileManager.default.contentsOfDirectory(atPath: here.file("out.resume")))
      kept.append(files?.filter { $0.hasSuffix(".safetensors") }.count ?? 0)
    }
    // Nothing that was kept is lost again.
    #expect(kept == kept.sorted())
    if !FileManager.default.fileExists(atPath: here.file("out")) {
      #expect(try round("-o out --report out.tsv --resume").status == 0)
    }
    #expect(try contents(here.file("out")) == contents(here.file("whole")))
    #expect(try withoutSeconds("out.tsv") == withoutSeconds("whole.tsv"))
    #expect(!FileManager.default.fileExists(atPath: here.file("out.resume")))
  }

  /// As a kill while a site is written leaves it; what others have put there is not ours to remove.
  @Test func `what a kill has left of a site goes, other files stay`() throws {
    let folder = here.file("out.resume")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    try here.write("out.resume/00001.safetensors.1.part", "x".utf8)
    let shard = "--layers 'transformer_blocks.0.attn1.to_out.0' --resume -o out"
    #expect(try round(shard).status == 0)
    #expect(!FileManager.default.fileExists(atPath: folder))
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    try here.write("out.resume/notes.part", "x".utf8)
    #expect(try round(shard).status == 0)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["notes.part"])
  }

  @Test func `what other settings made is not taken`() throws {
    // Codes that no resumed run has kept, for every site.
    let shard = "--layers 'transformer_blocks.0.attn1.to_out.0'"
    #expect(try round("\(shard) -o kept").status == 0)
    let folder = URL(fileURLWithPath: here.file("out.resume"))
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    for number in 1...60 {
      let name = String(format: "%05d.safetensors", number)
      try contents(here.file("kept")).write(to: folder.appendingPathComponent(name))
    }
    let result = try round("-o out --resume")
    #expect(result.status == 1 && result.error.contains("fpq.resume"), "\(result.error)")
    for options in ["--inputs quantized", "--objective block", "--method adaround --trace t.tsv"] {
      #expect(try round("\(options) --resume -o out").status == 64)
    }
    #expect(try round("--resume").status == 64)
  }
}
