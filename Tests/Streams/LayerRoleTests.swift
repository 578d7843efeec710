import Platform
import Streams
import Testing

/// Roles on their way through a stream's metadata.
struct LayerRoleTests {
  private static let roles = LayerRoles([
    LayerRole("pos_embed.proj", kind: .embedding),
    LayerRole("time", kind: .conditioning, rows: .samples),
    LayerRole("blocks.1.to_q", site: "blocks.1.qkv", kind: .query, block: "blocks.1"),
    LayerRole("blocks.1.to_k", site: "blocks.1.qkv", kind: .key, block: "blocks.1"),
    LayerRole("blocks.1.down", kind: .feedForwardOutput, block: "blocks.1", readsGELU: true),
    LayerRole("blocks.1.both", kind: .skip, block: "blocks.1", parts: 2),
    LayerRole("blocks.1.time", statistics: "time", kind: .conditioning, block: "blocks.1"),
  ])
  private static let text = """
    [{"name":"pos_embed.proj","kind":"embedding"},\
    {"name":"time","kind":"conditioning","rows":"samples"},\
    {"name":"blocks.1.to_q","site":"blocks.1.qkv","kind":"query","block":"blocks.1"},\
    {"name":"blocks.1.to_k","site":"blocks.1.qkv","kind":"key","block":"blocks.1"},\
    {"name":"blocks.1.down","kind":"feed_forward_output","block":"blocks.1","gelu":1},\
    {"name":"blocks.1.both","kind":"skip","block":"blocks.1","parts":2},\
    {"name":"blocks.1.time","statistics":"time","kind":"conditioning","block":"blocks.1"}]
    """

  @Test func `what usually holds is left out of the text`() throws {
    #expect(Self.roles.json == Self.text)
    #expect(try LayerRoles(json: Self.text, place: "f") == Self.roles)
  }

  @Test func `sites and patterns follow from the roles`() {
    #expect(
      Self.roles.sites == [
        "blocks.1.both", "blocks.1.down", "blocks.1.qkv", "blocks.1.time", "pos_embed.proj", "time",
      ])
    #expect(
      Self.roles.readers(of: "blocks.1.qkv").map(\.name) == ["blocks.1.to_q", "blocks.1.to_k"])
    #expect(
      Self.roles.all.map(\.pattern) == [
        "pos_embed.proj", "time", "*.to_q", "*.to_k", "*.down", "*.both", "*.time",
      ])
  }

  @Test func `values that several sites read are observed once`() {
    #expect(
      Self.roles.observedSites == [
        "blocks.1.both", "blocks.1.down", "blocks.1.qkv", "pos_embed.proj", "time",
      ])
    #expect(Self.roles.statistics(of: "blocks.1.time") == "time")
    #expect(Self.roles.statistics(of: "blocks.1.qkv") == "blocks.1.qkv")
  }

  @Test(arguments: [
    ("{}", "f: fpq.roles: expected a list of layers"),
    ("[{}]", "f: fpq.roles: 0: expected a layer with a name"),
    (#"[{"name":"a"}]"#, "f: fpq.roles: a: kind: expected one, found none"),
    (
      #"[{"name":"a","kind":"output"},{"name":"a","kind":"output"}]"#,
      "f: fpq.roles: a: expected each layer once, found it twice"
    ),
    (
      #"[{"name":"a","kind":"output","site":1}]"#,
      "f: fpq.roles: a: site: expected a name, found a number"
    ),
    (
      #"[{"name":"a","kind":"skip","parts":0}]"#,
      "f: fpq.roles: a: parts: expected 1 to 64, found another value"
    ),
    (
      #"[{"name":"a","kind":"output","rows":"pixels"}]"#,
      "f: fpq.roles: a: rows: expected one of tokens, text, samples, found another"
    ),
  ])
  func `damaged roles are refused by name`(text: String, message: String) {
    let failure = #expect(throws: Failure.self) { try LayerRoles(json: text, place: "f") }
    #expect(failure?.description == message)
  }
}
