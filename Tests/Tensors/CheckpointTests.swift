import Foundation
import Platform
import Tensors
import TestSupport
import Testing

/// Files that the safetensors library wrote, read and written again, hold the same in the same
/// order, and the table of digests after it.
@Test(arguments: [
  "pixart-alpha/diffusion_pytorch_model.safetensors", "pixart-nonsquare/io.safetensors",
  "minifloat/io.safetensors", "mt5/model.safetensors",
])
func `writes what the safetensors library writes`(_ name: String) throws {
  let folder = try TemporaryFolder()
  let source = try References.tensors(name)
  try save(
    folder.file("copy"), try source.names.map { try source.tensor($0) }, metadata: source.metadata)
  let (copy, original) = (
    try RawSafetensors(folder.file("copy")), try RawSafetensors(source.path)
  )
  #expect(copy.metadata == original.metadata)
  #expect(copy.members.dropLast().elementsEqual(original.members))
  #expect(copy.members.last?.name == TensorDigests.name)
}

@Test func `names and metadata of any text come back`() throws {
  let folder = try TemporaryFolder()
  let names = ["a\u{0}b", "", "\"quoted\\\"", "größe\n\u{1F600}", "tab\t"]
  let metadata = ["key \u{7F}": "text\r\n\u{1}", "": "", "pt": "äöü"]
  try save(
    folder.file("x"), names.map { Tensor(name: $0, dtype: .u8, shape: [1], values: [UInt8(7)]) },
    metadata: metadata)
  let file = try SafetensorsFile(folder.file("x"))
  #expect(Set(file.names) == Set(names))
  #expect(file.metadata == metadata)
}

@Test func `shards read as one and hash as one`() throws {
  let folder = try TemporaryFolder()
  let shards = try Checkpoint(folder: References.path("t5-b"))
  #expect(shards.files.count == 6)
  let tensors = try shards.names.map { try shards.tensor($0) }
  try save(folder.file("model.safetensors"), tensors.reversed(), metadata: ["format": "pt"])
  let whole = try Checkpoint(folder: folder.path)
  #expect(whole.names == shards.names)
  #expect(try SHA256.hex(of: whole) == SHA256.hex(of: shards))
}

/// The golden value is from sha256sum.
///
///     printf '"a" F32 [2]\n\x00\x00\x80\x3f\x00\x00\x00\x40"b" U8 []\n\x07' | sha256sum
@Test func `digest of known weights`() throws {
  let folder = try TemporaryFolder()
  let a = Tensor(name: "a", dtype: .f32, shape: [2], values: [Float(1), 2])
  let b = Tensor(name: "b", dtype: .u8, shape: [], values: [UInt8(7)])
  try save(folder.file("model.fp16.safetensors"), [a, b])
  #expect(
    try SHA256.hex(of: Checkpoint(folder: folder.path))
      == "2f4adf7f8d187e359f2491935a98976dd0fbfacfcd9ee8a3eb2d82b39c9b1a10")
  let changed = Tensor(name: "b", dtype: .u8, shape: [1], values: [UInt8(7)])
  try save(folder.file("other"), [a, changed])
  #expect(
    try SHA256.hex(of: SafetensorsFile(folder.file("other")))
      != SHA256.hex(of: Checkpoint(folder: folder.path)))
}

@Test func `folders that are not checkpoints`() throws {
  let folder = try TemporaryFolder()
  #expect(
    throws: Failure(
      folder.path, "expected diffusion_pytorch_model.safetensors or model.safetensors, found none")
  ) { try Checkpoint(folder: folder.path) }
  let index = folder.file("model.safetensors.index.json")
  func open(_ text: String) throws {
    try folder.write("model.safetensors.index.json", text.utf8)
    _ = try Checkpoint(folder: folder.path)
  }
  #expect(throws: Failure(index, "weight_map: expected tensor names and files, found none")) {
    try open("{}")
  }
  #expect(throws: Failure(index, "weight_map: expected tensor names and files, found {}")) {
    try open(#"{"weight_map": {}}"#)
  }
  for shard in [#""../../etc/passwd""#, #""""#, "[1]"] {
    #expect(
      throws: Failure(
        index, "x: expected the name of a shard in the same folder, found \(shard)")
    ) { try open("{\"weight_map\": {\"x\": \(shard)}}") }
  }
  #expect(
    throws: Failure(folder.file("a.safetensors"), "expected a safetensors file, found none")
  ) { try open(#"{"weight_map":{"x":"a.safetensors"}}"#) }
  try save(
    folder.file("a.safetensors"), [Tensor(name: "y", dtype: .u8, shape: [1], values: [UInt8(7)])])
  #expect(throws: Failure(folder.file("a.safetensors"), "expected tensor x, found none")) {
    try open(#"{"weight_map":{"x":"a.safetensors"}}"#)
  }
}
