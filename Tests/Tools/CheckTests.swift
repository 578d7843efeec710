import Foundation
import TestSupport
import Testing

/// Files that are not as they were written.
struct CheckTests {
  let here: TemporaryFolder

  init() throws { here = try TemporaryFolder() }

  /// The stream of each kind, with the command of the tool that reads it next.
  private func streams() throws -> [(path: String, tool: String, arguments: (String) -> [String])] {
    let fixture = try Fixture.shared()
    let output = here.file("output")
    return [
      (fixture.stats, "fpq-round", { ["-i", $0, "-o", output] }),
      (fixture.codes, "fpq-pack", { ["-i", $0, "-o", output] }),
      (fixture.packed, "dit-run", { ["-m", $0, "-p", "owl", "--steps", "1", "-o", output] }),
    ]
  }

  @Test func `every kind of tensor is missed, and so are its type, shape, bytes and settings`()
    throws
  {
    for (path, tool, arguments) in try streams() {
      let raw = try RawSafetensors(path)
      // One of each kind: the end of its name.
      var kinds: [String: Int] = [:]
      for (index, member) in raw.members.enumerated() where !member.bytes.isEmpty {
        kinds[String(member.name.split(separator: ".").last ?? "")] = index
      }
      #expect(kinds.count > 4)
      func refuses(_ what: String, _ change: (inout RawSafetensors) -> Void) throws {
        var changed = raw
        change(&changed)
        let file = try here.write("changed.safetensors", try changed.data())
        let result = try Shell.run(tool, arguments(file))
        #expect(isOneLine(result, from: tool, saying: file), "\(what): \(result.error)")
        #expect(try !here.contents.contains("output"))
      }
      for (kind, index) in kinds {
        try refuses("\(kind) dropped") { $0.members.remove(at: index) }
        try refuses("\(kind) retyped") {
          let member = $0.members[index]
          $0.members[index].dtype = "U8"
          $0.members[index].shape = member.dtype == "U8" ? [1] + member.shape : [member.bytes.count]
        }
        try refuses("\(kind) changed") {
          let start = $0.members[index].bytes.startIndex
          $0.members[index].bytes[start] ^= 1
        }
      }
      for key in raw.metadata.keys {
        try refuses("\(key) changed") { $0.metadata[key, default: ""] += " " }
        try refuses("\(key) dropped") { $0.metadata[key] = nil }
      }
    }
  }

  @Test func `fpq-show check says what is whole`() throws {
    let fixture = try Fixture.shared()
    let files = [fixture.stats, fixture.codes, fixture.packed]
    let whole = try Shell.run("fpq-show", ["check", "--tsv"] + files)
    #expect(whole.status == 0)
    #expect(
      whole.text.split(separator: "\n").dropFirst().map { $0.split(separator: "\t")[1] }
        == ["whole", "whole", "whole"])

    var bytes = try contents(fixture.codes)
    bytes[bytes.count / 2] ^= 1
    let damaged = try here.write("damaged.safetensors", bytes)
    let found = try Shell.run("fpq-show", ["check", "--tsv", damaged, fixture.stats])
    #expect(found.status == 1)
    let rows = found.text.split(separator: "\n").dropFirst().map { $0.split(separator: "\t") }
    #expect(rows.map { $0[1] } == ["damaged", "whole"])
    #expect(
      rows.first?.last?.contains(".codes: damaged: expected the bytes that were written") == true)

    // A float model has nothing to check it by; a packed folder has, below it.
    #expect(try Shell.run("fpq-show", ["check", Fixture.model]).status == 1)
    let folder = here.file("folder")
    _ = try Shell.run("fpq-pack", ["-i", fixture.codes, "-o", folder])
    let packed = try Shell.run("fpq-show", ["check", folder])
    #expect(packed.status == 0 && packed.text.contains("transformer/diffusion_pytorch_model"))
    let missing = try Shell.run("fpq-show", ["check", here.file("missing")])
    #expect(missing.status == 1 && missing.text.contains("damaged"))
  }
}
