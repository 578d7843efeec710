import Foundation
import Platform
import Tensors
import TestSupport
import Testing

/// Made by `make_digests.py` from the definition alone.
private let reference = References.path("digests/small.safetensors")

@Test func `a file of another program with digests is read`() throws {
  let file = try SafetensorsFile(reference)
  #expect(file.hasDigests)
  #expect(file.names == ["a.scales", "b", "empty", "scalar", "ü \"quoted\"\n"])
  #expect(file.find(TensorDigests.name) == nil)
  #expect(try file.tensor("scalar").doubles() == [0.1])
}

@Test func `what is written is what the definition says`() throws {
  let folder = try TemporaryFolder()
  let file = try SafetensorsFile(reference)
  let copy = try save(
    folder.file("copy"), file.names.map { try file.tensor($0) }, metadata: file.metadata)
  func table(_ path: String) throws -> Data? {
    try RawSafetensors(path).members.first { $0.name == TensorDigests.name }?.bytes
  }
  #expect(try table(copy) == table(reference))
}

@Test func `no flipped bit changes what is read`() throws {
  let folder = try TemporaryFolder()
  let good = try SafetensorsFile(reference)
  let bytes = try Data(contentsOf: URL(fileURLWithPath: reference))
  var refused = 0
  for position in bytes.indices {
    for bit in 0..<8 {
      var damaged = bytes
      damaged[position] ^= 1 << bit
      let path = try folder.write("damaged", damaged)
      do {
        // Metadata of other programs may be others, and so may blanks.
        let file = try SafetensorsFile(path)
        func own(_ metadata: [String: String]) -> [String: String] {
          metadata.filter { $0.key.hasPrefix("fpq.") }
        }
        #expect(own(file.metadata) == own(good.metadata), "byte \(position), bit \(bit)")
        #expect(file.names == good.names, "byte \(position), bit \(bit)")
        for name in good.names {
          let (found, expected) = (try file.tensor(name), try good.tensor(name))
          #expect(
            found.bytes.elementsEqual(expected.bytes) && found.shape == expected.shape
              && found.dtype == expected.dtype, "byte \(position), bit \(bit): \(name)")
        }
      } catch is Failure { refused += 1 }
    }
  }
  #expect(refused > 8 * bytes.count * 9 / 10)
}

@Test func `what is left out, renamed, retyped or reshaped is missed`() throws {
  let folder = try TemporaryFolder()
  let raw = try RawSafetensors(reference)
  for index in raw.members.indices {
    let name = raw.members[index].name
    func refuses(_ what: String, _ change: (inout RawSafetensors) -> Void) throws {
      var changed = raw
      change(&changed)
      let path = try folder.write("changed", try changed.data())
      #expect(throws: Failure.self, "\(what) \(name)") { try SafetensorsFile(path) }
    }
    try refuses("dropped") { $0.members.remove(at: index) }
    try refuses("renamed") { $0.members[index].name += "x" }
    try refuses("doubled") {
      $0.members.append($0.members[index])
      $0.members[$0.members.count - 1].name = "other"
    }
    if raw.members[index].dtype == "F32" {
      try refuses("retyped") { $0.members[index].dtype = "I32" }
      try refuses("reshaped") { $0.members[index].shape.reverse() }
    }
  }
  for key in raw.metadata.keys where key.hasPrefix("fpq.") {
    var changed = raw
    changed.metadata[key] = nil
    let path = try folder.write("changed", try changed.data())
    #expect(key == "fpq.kind" || (try? SafetensorsFile(path)) == nil, "\(key)")
  }
  var others = raw
  others.metadata["format"] = nil
  others.metadata["author"] = "someone"
  #expect(try SafetensorsFile(folder.write("others", try others.data())).hasDigests)
}
