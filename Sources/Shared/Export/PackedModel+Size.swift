import Formats
import Foundation
import Streams
import Tensors

/// What a packed model takes, whatever the container: its codes, scales, zero points, branches and
/// input transforms, and the rest.
extension PackedModel {
  /// Bits of the quantized layers, biases aside.
  private func quantizedBits() throws -> Int {
    let branches = layers.reduce(0) { sum, layer in
      [layer.tensors.down, layer.tensors.up].compactMap(\.self).reduce(sum) { $0 + $1.bits }
    }
    return try layers.reduce(branches) {
      try $0 + $1.entry.layout.bits(rows: $1.outputs, columns: $1.inputs)
    } + sites.values.joined().reduce(0) { $0 + $1.bits }
  }

  /// What the user sees: bits per weight of the quantized layers and of the whole, and the size.
  package func summary() throws -> String {
    let quantizedWeights = layers.reduce(0) { $0 + $1.outputs * $1.inputs }
    let quantizedBits = try quantizedBits()
    let otherBits =
      layers.reduce(0) { $0 + ($1.bias?.count ?? 0) * DType.f32.bits }
      + others.reduce(0) { $0 + $1.bits }
    let bytes = (quantizedBits + otherBits) / 8
    let perWeight = Double(quantizedBits) / Double(max(1, quantizedWeights))
    let whole =
      Double(quantizedBits + otherBits) / Double(max(1, quantizedWeights + otherBits / 16))
    return """
      \(layers.count) layers at \(fixed(perWeight, 3)) bits per weight, all of the \(metadata.part) at \
      \(fixed(whole, 3)); \(fixed(Double(bytes) / 1e6, 2)) MB instead of \(fixed(Double(floatBytes) / 1e6, 2)) MB
      """
  }
}

extension Tensor {
  fileprivate var bits: Int { count * dtype.bits }
}

/// `value` with `digits` decimals.
private func fixed(_ value: Double, _ digits: Int) -> String {
  String(format: "%.\(digits)f", value)
}
