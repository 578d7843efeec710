import Formats
import Gradients
import Kernels
import Layers
import Platform
import Streams
import Tensors
import TestSupport
import Testing

/// Layers as variables: how inputs are rounded and shared, and what is refused.
@Suite struct TapedLinearTests {
  private func layer(_ name: String, outputs: Int, inputs: Int, seed: Int) throws -> Linear {
    let weight = Tensor(
      name: "\(name).weight", dtype: .f32, shape: [outputs, inputs],
      values: point(outputs, inputs, seed: seed).values)
    let bias = Tensor(
      name: "\(name).bias", dtype: .f32, shape: [outputs],
      values: point(1, outputs, seed: seed + 1).values)
    return try Linear(
      LayerRole(name, kind: .embedding), inputs: inputs, outputs: outputs,
      from: MemorySource(tensors: [weight, bias]))
  }

  /// Two layers round alike and one stays in f32: each gives what it gives alone, and so do the
  /// gradients.
  @Test func `layers round their shared input`() throws {
    let activation = try #require(try ActivationFormat.parse("e2m3"))
    let preparation = try QuantizedTokens.Preparation(
      transform: nil, activation: activation, staticScale: nil, groupSize: 16)
    let options = TapedOptions(preparation: { $0 == "c" ? nil : preparation })
    let layers = try ["a", "b", "c"].enumerated().map { index, name in
      try TapedLinear(layer(name, outputs: 6, inputs: 40, seed: index), options: options)
    }
    let x = Variable(point(7, 40, seed: 9), wantsGradient: true)
    let rounded = activation.rounded(x.value, groupSize: 16)
    let tape = Tape()
    let y = TapedLinear.project(layers, x, on: tape)
    for (index, layer) in layers.enumerated() {
      let bias = try #require(layer.bias).value
      let expected = project(
        index == 2 ? x.value : rounded, weight: layer.weight.value, bias: bias.values)
      #expect(y[index].value.values == expected.values)
    }
    let dy = point(7, 6, seed: 10)
    tape.backward(
      from: tape.residual(y[0], tape.residual(y[1], y[2], gate: nil), gate: nil), gradient: dy)
    let parts = layers.map { product(dy, $0.weight.value).values }
    let expected = parts[0].indices.map { parts[0][$0] + parts[1][$0] + parts[2][$0] }
    // Three numbers of up to 6 in one order or another: two roundings.
    let difference = largestDifference(x.gradient?.matrix?.values ?? [], expected)
    #expect(difference <= 2 * 18 * 0x1p-24)
  }

  @Test func `packed layers are refused`() throws {
    let codes = Tensor(
      name: "w", dtype: .u8, shape: [2, 1], values: [UInt8](repeating: 0, count: 2))
    let scales = Tensor(
      name: "proj_out.scales", dtype: .f16, shape: [2, 1], values: [Float16](repeating: 1, count: 2)
    )
    let entry = LayerFormats.Entry(WeightLayout(try NumberFormat("e2m1"), .groups(of: 2)))
    let tensors = try LayerTensors(
      "proj_out", entry, outputs: 2, inputs: 2, isPacked: true,
      from: MemorySource(tensors: [scales]))
    let packed = try PackedWeight(codes: codes, tensors, entry.layout, outputs: 2, inputs: 2)
    let preparation = try QuantizedTokens.Preparation(
      transform: nil, activation: nil, staticScale: nil, groupSize: 2)
    let layer = Linear(
      LayerRole("proj_out", kind: .output), packed: packed, preparation: preparation, bias: nil)
    #expect(throws: Failure("proj_out", "expected a float weight, found a packed one")) {
      try TapedLinear(layer, options: TapedOptions { _ in true })
    }
  }
}
