import Gradients
import Layers
import Models
import Tensors
import TestSupport
import Testing

/// The chain of all blocks, final norm and projection: values of inference, gradients of torch.
@Suite struct ModelGradientTests {
  /// A golden call up to the blocks, with everything as variables.
  private struct Graph {
    let model: PixArtTransformer
    let parameters: TapedParameters
    let grid: PatchGrid
    let x: Variable
    let modulation: Variable
    let embedded: Variable
    let text: Variable
    private let textBias: Matrix?

    init(_ name: String) throws {
      let golden = try ModelCase(name)
      let call = try PixArtCall(golden)
      model = try PixArtTransformer(
        TransformerParts(config: golden.config, weights: golden.weights))
      parameters = try TapedParameters(
        linears: model.blocks.flatMap(\.linears) + [model.projectOut],
        tables: model.blocks.flatMap(\.tables) + [model.finalTable],
        options: TapedOptions(wantsGradient: { _ in true }))
      let (latents, patch) = (call.latents, model.patchSize)
      grid = PatchGrid(
        samples: latents.samples, height: latents.height / patch, width: latents.width / patch,
        patch: patch)
      let inputs = model.blockInputs(
        latents, timesteps: call.timesteps, conditions: call.conditions,
        on: Direct(samples: latents.samples))
      let projected = model.projectText(call.prompts, observer: nil)
      x = Variable(inputs.hidden, wantsGradient: true)
      modulation = Variable(inputs.conditioning, wantsGradient: true)
      embedded = Variable(inputs.finalConditioning, wantsGradient: true)
      text = Variable(projected.states, wantsGradient: true)
      textBias = projected.bias
    }

    /// The latents that the model predicts.
    func output(recomputes: Bool = false, on tape: Tape) -> Variable {
      let operations = TapedOperations(
        tape, parameters, samples: grid.samples, recomputes: recomputes)
      let (modulation, text, textBias) = (modulation, text, textBias)
      let hidden = model.blocks.reduce(x) { x, block in
        operations.segment(x) { x, operations in
          let own = block.readText(text, valid: nil, bias: textBias, on: operations)
          return block(x, BlockContext(conditioning: modulation, text: own), on: operations)
        }
      }
      let rows = model.output(of: hidden, embedded: embedded, on: operations)
      return tape.unpatchify(rows, grid: grid, channels: model.config.outChannels)
    }
  }

  /// The same kernels on the same tiles: not one bit differs.
  @Test(arguments: ["pixart-sigma", "pixart-alpha", "pixart-nonsquare"])
  func `forward is inference`(_ name: String) throws {
    let graph = try Graph(name)
    let expected = try PixArtCall(ModelCase(name))(graph.model)
    #expect(graph.output(on: Tape()).value.values == expected)
  }

  @Test func `gradients match PyTorch`() throws {
    let golden = try GradientCase("model-gradients")
    let graph = try Graph("pixart-alpha")
    let tape = Tape()
    let y = graph.output(on: tape)
    try golden.expect(y.value, matches: "output")
    let weights = try golden.io.tensor("loss_weights").floats()
    tape.backward(
      from: y,
      gradient: Matrix(rows: y.value.rows, columns: y.value.columns, values: weights))
    var variables = [
      "x": graph.x, "modulation": graph.modulation, "embedded": graph.embedded,
      "text": graph.text,
    ]
    for (name, variable) in graph.parameters.all { variables[name] = variable }
    #expect(variables.values.allSatisfy { $0.gradient?.matrix != nil })
    for tensor in golden.io.names where tensor.hasPrefix("grad.") {
      let variable = try #require(variables[String(tensor.dropFirst(5))], "\(tensor)")
      try golden.expect(#require(variable.gradient?.matrix), matches: tensor)
    }
  }

  @Test func `recomputing changes nothing`() throws {
    let graph = try Graph("pixart-sigma")
    let variables =
      [graph.x, graph.modulation, graph.embedded, graph.text]
      + graph.parameters.all.map(\.variable)
    let results = [false, true].map { recomputes in
      let tape = Tape()
      let y = graph.output(recomputes: recomputes, on: tape)
      tape.backward(from: y, gradient: point(y.value.rows, y.value.columns, seed: 1))
      return [y.value.values] + variables.map { $0.gradient?.take()?.values ?? [] }
    }
    #expect(results[0].allSatisfy { !$0.isEmpty })
    #expect(zip(results[0], results[1]).allSatisfy { $0 == $1 })
  }

  /// Every parameter of the blocks, the final norm and the projection, under its name in the file.
  @Test func `parameters have the names of the file`() throws {
    let golden = try ModelCase("pixart-alpha")
    let graph = try Graph("pixart-alpha")
    let before = ["pos_embed.", "adaln_single.", "caption_projection."]
    let expected = golden.weights.names.filter { name in
      !before.contains { name.hasPrefix($0) }
    }
    #expect(graph.parameters.all.map(\.name).sorted() == expected.sorted())
    for (name, variable) in graph.parameters.all {
      #expect(variable.value.values == (try golden.weights.tensor(name).floats()), "\(name)")
    }
  }
}
