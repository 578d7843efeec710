import Models
import Tensors
import TestSupport
import Testing

@Suite struct EmbeddingsTests {
  let io: SafetensorsFile
  let facts: JSON

  init() throws {
    io = try References.tensors("embeddings/io.safetensors")
    facts = try ModelConfig(References.path("embeddings/case.json")).json
  }

  @Test(arguments: ["native512", "native1024", "wide1024", "tall512", "odd"])
  func `positions match diffusers`(_ name: String) throws {
    let settings = try #require(facts["pixart"]?[name])
    let table = Embeddings.positions(
      gridHeight: try #require(settings["grid_h"]?.int),
      gridWidth: try #require(settings["grid_w"]?.int), width: try #require(settings["dim"]?.int),
      base: try #require(settings["base"]?.int),
      scale: try #require(settings["interpolation_scale"]?.double))
    let tokens = try io.tensor("pixart.\(name).tokens").floats()
    let golden = try io.tensor("pixart.\(name).rows").floats()
    let found = tokens.flatMap { token in
      (0..<table.columns).map { table.row(Int(token))[$0] }
    }
    // case.json: the table agrees to 1e-6 when computed in f64, which ours is.
    #expect(largestDifference(found, golden) <= 1e-6)
  }

  @Test func `sinusoid matches diffusers`() throws {
    let values = try io.tensor("timesteps").floats()
    let golden = try io.tensor("timestep_sinusoid").floats()
    let tolerance = Float(try #require(facts["tolerance"]?["abs"]?.double))
    #expect(largestDifference(Embeddings.sinusoid(values).values, golden) <= tolerance)
  }
}
