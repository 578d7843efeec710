import Gradients
import Models
import Tensors
import TestSupport
import Testing

/// The chain of all blocks, final norm and projection: values of inference, gradients of torch.
@Suite struct ModelGradientTests {
  /// A golden call up to the blocks, with everything as variables.
  private struct Graph {
    let model: PixArtTransformer
    let taped: TapedPixArtTransformer
    let inputs: PixArtInputs
    let x: Variable
    let modulation: Variable
    let embedded: Variable
    let text: TapedText

    init(_ name: String) throws {
      let golden = try ModelCase(name)
      let call = try PixArtCall(golden)
      model = try PixArtTransformer(config: golden.config, weights: golden.weights)
      taped = try TapedPixArtTransformer(model, options: TapedOptions { _ in true })
      inputs = model.blockInputs(
        latents: call.latents, batch: call.batch, height: call.height, width: call.width,
        timesteps: call.timesteps, conditions: call.conditions)
      let projected = model.projectText(call.states, mask: call.mask, batch: call.batch)
      x = Variable(inputs.x, wantsGradient: true)
      modulation = Variable(inputs.modulation, wantsGradient: true)
      embedded = Variable(inputs.embedded, wantsGradient: true)
      text = TapedText(
        states: Variable(projected.states, wantsGradient: true), bias: projected.bias)
    }

    /// The latents that the model predicts.
    func output(recomputes: Bool = false, on tape: Tape) -> Variable {
      let rows = taped(
        x, modulation: modulation, embedded: embedded, text: text, recomputes: recomputes, on: tape)
      return tape.unpatchify(rows, grid: inputs.grid, channels: model.config.outChannels)
    }
  }

  /// The same kernels on the same tiles: not one bit differs.
  @Test(arguments: ["pixart-sigma", "pixart-alpha", "pixart-nonsquare"])
  func forwardIsInference(_ name: String) throws {
    let graph = try Graph(name)
    let expected = try PixArtCall(ModelCase(name))(graph.model)
    #expect(graph.output(on: Tape()).value.values == expected)
  }

  @Test func gradientsMatchTorch() throws {
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
      "text": graph.text.states,
    ]
    for (name, variable) in graph.taped.parameters { variables[name] = variable }
    #expect(variables.values.allSatisfy { $0.gradient?.matrix != nil })
    for tensor in golden.io.names where tensor.hasPrefix("grad.") {
      let variable = try #require(variables[String(tensor.dropFirst(5))], "\(tensor)")
      try golden.expect(#require(variable.gradient?.matrix), matches: tensor)
    }
  }

  @Test func recomputingChangesNothing() throws {
    let graph = try Graph("pixart-sigma")
    let variables =
      [graph.x, graph.modulation, graph.embedded, graph.text.states]
      + graph.taped.parameters.map(\.variable)
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
  @Test func parametersHaveTheNamesOfTheFile() throws {
    let golden = try ModelCase("pixart-alpha")
    let graph = try Graph("pixart-alpha")
    let before = ["pos_embed.", "adaln_single.", "caption_projection."]
    let expected = golden.weights.names.filter { name in
      !before.contains { name.hasPrefix($0) }
    }
    #expect(graph.taped.parameters.map(\.name).sorted() == expected.sorted())
    for (name, variable) in graph.taped.parameters {
      #expect(variable.value.values == (try golden.weights.tensor(name).floats()), "\(name)")
    }
  }
}
