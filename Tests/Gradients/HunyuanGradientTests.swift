import Gradients
import Kernels
import Models
import Tensors
import TestSupport
import Testing

/// A Hunyuan-DiT block with a skip, against torch (Tests/References/hunyuan-block-gradients).
@Suite struct HunyuanGradientTests {
  @Test func `all gradients match PyTorch`() throws {
    let golden = try GradientCase("hunyuan-block-gradients")
    let config = try ModelConfig(References.path("\(golden.name)/config.json"))
    let facts = try ModelConfig(References.path("\(golden.name)/case.json")).json
    guard case .array(let grid)? = facts["call"]?["grid"] else {
      Issue.record("a case without its grid")
      return
    }
    let settings = try HunyuanConfig(config)
    let block = try HunyuanBlock(
      index: settings.layers - 1, config: settings,
      parts: TransformerParts(config: config, weights: golden.io))
    #expect(block.skipSource == "blocks.0")
    let positions = HunyuanPositions(
      gridHeight: try #require(grid[0].int), gridWidth: try #require(grid[1].int), base: 32
    ).embedding(headSize: settings.headSize)

    let parameters = try TapedParameters(
      linears: block.linears, tables: block.tables,
      options: TapedOptions(wantsGradient: { _ in true }))
    let inputs = try Dictionary(
      uniqueKeysWithValues: ["x", "skip", "text", "conditioning"].map {
        ($0, Variable(try golden.matrix($0), wantsGradient: true))
      })
    let (x, skip) = (try #require(inputs["x"]), try #require(inputs["skip"]))
    let (text, conditioning) = (
      try #require(inputs["text"]), try #require(inputs["conditioning"])
    )
    let tape = Tape()
    let operations = TapedOperations(tape, parameters, samples: conditioning.value.rows)
    let y = block(
      x,
      BlockContext(
        conditioning: conditioning,
        text: block.readText(text, valid: nil, bias: nil, on: operations), positions: positions,
        skip: skip),
      on: operations)
    try golden.expect(y.value, matches: "output")
    tape.backward(from: y, gradient: try golden.matrix("loss_weights"))
    let variables =
      inputs.map { ($0.key, $0.value) } + parameters.all.map { ($0.name, $0.variable) }
    for (name, variable) in variables {
      try golden.expect(#require(variable.gradient?.matrix, "\(name)"), matches: "grad.\(name)")
    }
    let stored = golden.io.names.filter { $0.hasPrefix("grad.") }.map { String($0.dropFirst(5)) }
    #expect(Set(variables.map(\.0)) == Set(stored), "every gradient of the case is compared")
  }
}
