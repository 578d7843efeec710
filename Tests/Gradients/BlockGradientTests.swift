import Formats
import Gradients
import Kernels
import Layers
import Models
import Platform
import Tensors
import TestSupport
import Testing

/// One PixArt block against torch's autograd of diffusers' block
/// (Tests/References/block-gradients).
@Suite struct BlockGradientTests {
  let golden: GradientCase
  let block: PixArtBlock

  init() throws {
    golden = try GradientCase("block-gradients")
    let io = golden.io
    let config = try ModelConfig(References.path("block-gradients/config.json"))
    block = try PixArtBlock(
      index: 0, config: PixArtConfig(config, weights: io),
      parts: TransformerParts(config: config, weights: io))
  }

  /// What the block reads, as variables.
  private struct Inputs {
    let x: Variable
    let modulation: Variable
    let text: Variable
    let bias: Matrix

    /// The output of `block` with copies of its parameters.
    func output(of block: PixArtBlock, _ parameters: TapedParameters, on tape: Tape) -> Variable {
      let operations = TapedOperations(tape, parameters, samples: modulation.value.rows)
      return block(
        x,
        BlockContext(
          conditioning: modulation,
          text: block.readText(text, valid: nil, bias: bias, on: operations)),
        on: operations)
    }
  }

  private func parameters(_ options: TapedOptions) throws -> TapedParameters {
    try TapedParameters(linears: block.linears, tables: block.tables, options: options)
  }

  /// The inputs of the case.
  private func inputs(wantGradients: Bool) throws -> Inputs {
    let x = Variable(try golden.matrix("x"), wantsGradient: wantGradients)
    let modulation = Variable(try golden.matrix("modulation"), wantsGradient: wantGradients)
    let states = Variable(try golden.matrix("text"), wantsGradient: wantGradients)
    return Inputs(x: x, modulation: modulation, text: states, bias: try golden.matrix("bias"))
  }

  @Test func `all gradients match PyTorch`() throws {
    let parameters = try parameters(TapedOptions(wantsGradient: { _ in true }))
    let inputs = try inputs(wantGradients: true)
    let tape = Tape()
    let y = inputs.output(of: block, parameters, on: tape)
    try golden.expect(y.value, matches: "output")
    tape.backward(from: y, gradient: try golden.matrix("loss_weights"))
    let variables =
      [("x", inputs.x), ("modulation", inputs.modulation), ("text", inputs.text)]
      + parameters.all.map { ($0.name, $0.variable) }
    for (name, variable) in variables {
      try golden.expect(#require(variable.gradient?.matrix), matches: "grad.\(name)")
    }
    let stored = golden.io.names.filter { $0.hasPrefix("grad.") }.map { String($0.dropFirst(5)) }
    #expect(Set(variables.map(\.0)) == Set(stored), "every gradient of the case is compared")
  }

  /// Block reconstruction wants the weights alone; what nobody wants is not computed, the rest does
  /// not change.
  @Test func `gradients of some parameters are the same`() throws {
    let everything = try gradients { _ in true }
    let some = try gradients { $0.contains("to_k.weight") || $0.hasSuffix("ff.net.0.proj.bias") }
    #expect(some.count == 3)
    for (name, values) in some { #expect(everything[name] == values, "\(name)") }
  }

  private func gradients(_ wantsGradient: @escaping (String) -> Bool) throws -> [String: [Float]] {
    let parameters = try parameters(TapedOptions(wantsGradient: wantsGradient))
    let tape = Tape()
    let y = try inputs(wantGradients: false).output(of: block, parameters, on: tape)
    tape.backward(from: y, gradient: try golden.matrix("loss_weights"))
    let found = parameters.all.compactMap { name, variable in
      variable.gradient?.matrix.map { (name, $0.values) }
    }
    return Dictionary(uniqueKeysWithValues: found)
  }

  /// Enough tokens for several tiles of every product and attention, and several chunks of rows.
  @Test func `threads change nothing`() throws {
    let activation = try #require(try ActivationFormat.parse("e2m3"))
    // Centred, balanced and rotated, all the same; the table makes a transform of it that fits any
    // width.
    let preparations = try [32, 128].map { width in
      try QuantizedTokens.Preparation(
        transform: InputTransform(
          center: point(1, width, seed: 5).values,
          smooth: point(1, width, seed: 6).values.map { 1.5 + $0 }, hadamard: 16),
        activation: activation, staticScale: nil, groupSize: 16)
    }
    let options = TapedOptions(
      wantsGradient: { _ in true },
      preparation: { preparations[$0.hasSuffix("ff.net.2") ? 1 : 0] })
    let parameters = try parameters(options)
    let threads = Parallel.threads
    defer { Parallel.threads = threads }
    let (batch, tokens) = (2, 1100)
    let results = [1, 4, 3].map { count in
      Parallel.threads = count
      let inputs = Inputs(
        x: Variable(point(batch * tokens, 32, seed: 1), wantsGradient: true),
        modulation: Variable(point(batch, 192, seed: 2), wantsGradient: true),
        text: Variable(point(batch * 70, 32, seed: 3), wantsGradient: true),
        bias: Matrix(rows: batch, columns: 70, zeroed: true))
      let tape = Tape()
      let y = inputs.output(of: block, parameters, on: tape)
      tape.backward(from: y, gradient: point(batch * tokens, 32, seed: 4))
      let gradients =
        [inputs.x, inputs.modulation, inputs.text].map { $0.gradient?.take() }
        + parameters.all.map { $0.variable.gradient?.take() }
      return [y.value.values] + gradients.map { $0?.values ?? [] }
    }
    #expect(results[0].count == 25 && results[0].allSatisfy { !$0.isEmpty })
    for other in results[1...] {
      for (a, b) in zip(results[0], other) {
        #expect(a.map(\.bitPattern) == b.map(\.bitPattern))
      }
    }
  }
}
