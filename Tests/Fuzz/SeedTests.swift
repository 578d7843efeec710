import Foundation
import FuzzTargets
import TestSupport
import Testing

/// What fuzzing starts from, and all that it has found: each input is refused or read.
///
/// One after the other, as the targets share a file.
@Test(.serialized, arguments: FuzzTarget.allCases)
func `seeds and finds are read or refused`(_ target: FuzzTarget) throws {
  let folder = URL(fileURLWithPath: References.folder).deletingLastPathComponent()
    .appending(path: "Fuzz/Seeds/\(target.rawValue)")
  let files = try FileManager.default.contentsOfDirectory(
    at: folder, includingPropertiesForKeys: nil)
  #expect(!files.isEmpty)
  for file in files {
    let bytes = try Data(contentsOf: file)
    #expect(throws: Never.self, "\(file.lastPathComponent)") {
      try bytes.withUnsafeBytes { try target.read($0) }
    }
  }
}
