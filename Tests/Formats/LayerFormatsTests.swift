import Formats
import Platform
import Streams
import Testing

/// What a stream's metadata says of its layers.
struct LayerFormatsTests {
  /// Every member, and those alone that have not their usual value, in the order in which they
  /// stand in files.
  @Test func `text stays as it is`() throws {
    let text = """
      {"a":{"format":"e2m1","group_size":128},\
      "b":{"format":"e3m0","group_size":16,"scales":"e4m3","split":1,"site":"s","hadamard":64,\
      "nonnegative":1,"rank":3,"activations":"int8:token"},\
      "c":{"format":"fp4.25","group_size":1152}}
      """
    let layers = try LayerFormats(json: text, place: "f")
    #expect(layers.json == text)
    let b = try #require(layers.entries["b"])
    #expect(
      try b.layout
        == WeightLayout(
          NumberFormat("e3m0"), .groups(of: 16), scales: .e4m3, isTwoSided: true))
    #expect(b.input == LayerFormats.Input(site: "s", hadamard: 64, isNonnegative: true))
    #expect(b.rank == 3 && b.activations == "int8:token")
  }

  @Test(arguments: [
    (#"{"format":"e2m1"}"#, "expected a format and a group size"),
    (#"{"format":"e2m1","group_size":0}"#, "expected a format and a group size"),
    (
      #"{"format":"e2m1","group_size":8,"scales":"f8"}"#, "expected scales f16 or e4m3, found f8"
    ),
    (
      #"{"format":"e2m1","group_size":8,"hadamard":3}"#, "expected hadamard of a power of two"
    ),
    (
      #"{"format":"int4","group_size":8,"split":1}"#,
      "format int4: expected a symmetric 4-bit format for two scales per group (--asymmetric)"
    ),
    (
      #"{"format":"int7","group_size":8}"#,
      "format int7: expected int8 or a signed format of 4 to 6 bits for weights"
    ),
  ])
  func `what does not exist is refused`(_ entry: String, _ message: String) {
    #expect(throws: Failure("f: L", message)) {
      try LayerFormats(json: "{\"L\":\(entry)}", place: "f")
    }
  }
}
