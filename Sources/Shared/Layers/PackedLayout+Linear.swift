import Formats
import Kernels
import Platform
import Streams
import Tensors

extension PackedLayout {
  /// The linear layer of `role`, packed when the metadata lists it, float otherwise.
  ///
  /// - Parameters:
  ///   - role: of the layer.
  ///   - inputs: K.
  ///   - outputs: N.
  ///   - hasBias: whether a float layer has one.
  ///   - activations: how inputs are quantized, instead of what the layer itself asks for.
  ///   - source: the packed model.
  /// - Returns: the layer, its weights mapped.
  /// - Throws: `Failure` naming the tensor that is missing or does not fit.
  package func linear(
    _ role: LayerRole, inputs: Int, outputs: Int, hasBias: Bool = true,
    activations: RunPrecision.Activations = .asPacked, from source: any TensorSource
  ) throws -> Linear {
    let name = role.name
    guard let entry = layers.entries[name] else {
      return try Linear(role, inputs: inputs, outputs: outputs, hasBias: hasBias, from: source)
    }
    let tensors = try LayerTensors(
      name, entry, outputs: outputs, inputs: inputs, isPacked: true, from: source)
    let weight = try PackedWeight(
      codes: source.tensor("\(name).weight"), tensors, entry.layout, outputs: outputs,
      inputs: inputs)
    let transform = InputTransform(
      center: try tensors.center?.floats(), smooth: try tensors.smooth?.floats(),
      hadamard: entry.input.hadamard)
    var format =
      switch activations {
      case .asPacked: try entry.activations.map(ActivationFormat.parse) ?? self.activations
      case .use(let format): format
      }
    if entry.layout.isWide { format = nil }
    let own = entry.activations ?? self.activations?.description
    if let format, format.granularity == .static, let own, own != format.description {
      throw Failure(
        "activations \(format): expected \(own), for which \(name) has a scale, or one found online"
      )
    }
    let preparation = try QuantizedTokens.Preparation(
      transform: transform.isIdentity ? nil : transform,
      activation: entry.input.isNonnegative ? format?.nonnegative : format,
      staticScale: try tensors.inputScale?.floats()[0],
      groupSize: min(entry.layout.groupSize(inputs), inputs),
      parts: entry.layout.separateParts(role.parts, columns: inputs))
    return Linear(
      role, packed: weight, preparation: preparation,
      bias: try source.find("\(name).bias").map { _ in
        try source.tensor("\(name).bias", shape: [outputs]).floats()
      })
  }
}
