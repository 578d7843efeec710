import Platform
import Streams
import TestSupport
import Tensors
import Testing

@Test func `streams of another kind`() throws {
  let folder = try TemporaryFolder()
  func problem(_ metadata: [String: String]) throws -> String {
    let path = try save(folder.file("x"), [], metadata: metadata)
    do {
      _ = try StreamMetadata(of: SafetensorsFile(path), expected: .codes)
      return "none"
    } catch let failure as Failure { return String(failure.description.dropFirst(path.count)) }
  }
  #expect(try problem([:]) == ": expected codes from fpq-round, found another file")
  #expect(
    try problem(["fpq.kind": "stats"])
      == ": expected codes from fpq-round, found stats from fpq-stats")
  #expect(
    try problem(["fpq.kind": "cods"])
      == ": fpq.kind: expected stats or codes or packed, found cods")
  #expect(
    try problem(["fpq.kind": "codes"]) == ": expected fpq.version in the metadata, found none")
}
