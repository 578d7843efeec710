import Formats
import Foundation
import Platform
import Streams
import Tensors

/// The tensors of a packed transformer, made one by one as they are written: packed codes and scales of the quantized
/// layers, and everything else of the float model in 16 bits.
package struct PackedTensors {
  package let entries: [SafetensorsWriter.Entry]
  private let codes: MergedCodes
  private let quantizedWeights: Int
  private let quantizedBits: Int
  private let otherBits: Int
  private let floatBytes: Int

  package init(codes: MergedCodes, weights: any TensorSource) throws {
    self.codes = codes
    var entries: [SafetensorsWriter.Entry] = []
    var (quantizedWeights, quantizedBits, otherBits, floatBytes) = (0, 0, 0, 0)
    // Tensors that the layers of a site share are written once.
    var sharedNames: Set<String> = []
    for name in weights.names {
      let tensor = try weights.tensor(name)
      floatBytes += tensor.bytes.count
      let layer = name.hasSuffix(".weight") ? String(name.dropLast(".weight".count)) : nil
      if let layer, codes.layers.entries[layer] != nil {
        let found = try codes.layer(layer)
        guard tensor.count == found.outputs * found.inputs, tensor.shape.first == found.outputs
        else {
          throw Failure(
            found.codes.place,
            "expected \(tensor.shape) as in \(tensor.origin), found \(found.codes.shape)")
        }
        let tensors = found.tensors
        let own =
          PackedTensors.entries(of: found, layer: layer)
          + tensors.shared.filter { sharedNames.insert($0.name).inserted }.map { .init($0) }
        entries += own
        quantizedWeights += tensor.count
        quantizedBits += own.reduce(0) { $0 + $1.shape.reduce(1, *) * $1.dtype.bits }
        if weights.find("\(layer).bias") == nil {
          let bias = try found.biasCorrection.floats()
          if bias.contains(where: { $0 != 0 }) {
            entries.append(PackedTensors.bias("\(layer).bias", bias))
            otherBits += bias.count * 32
          }
        }
        continue
      }
      let owner = name.hasSuffix(".bias") ? String(name.dropLast(".bias".count)) : nil
      if let owner, codes.layers.entries[owner] != nil {
        let correction = try codes.layer(owner).biasCorrection
        guard correction.shape == tensor.shape else {
          throw Failure(correction.place, "expected \(tensor.shape), found \(correction.shape)")
        }
        let bias = zip(try tensor.floats(), try correction.floats()).map { $0 + $1 }
        guard bias.allSatisfy(\.isFinite) else { throw weights.notFinite(name) }
        entries.append(PackedTensors.bias(name, bias))
        otherBits += tensor.count * 32
        continue
      }
      otherBits += tensor.count * 16
      if tensor.dtype == .f32 {
        entries.append(
          try PackedTensors.sixteenBit(name, tensor.floats(), tensor.shape))
      } else {
        entries.append(SafetensorsWriter.Entry(tensor))
      }
    }
    for layer in codes.layers.entries.keys where weights.find("\(layer).weight") == nil {
      throw Failure(weights.path, "expected tensor \(layer).weight, found none")
    }
    self.entries = entries
    self.quantizedWeights = quantizedWeights
    self.quantizedBits = quantizedBits
    self.otherBits = otherBits
    self.floatBytes = floatBytes
  }

  /// `L.weight`, what `LayerTensors` lists and, two a byte as the codes, `L.zeros`.
  private static func entries(
    of layer: CodesFile.Layer, layer name: String
  ) -> [SafetensorsWriter.Entry] {
    func nibbles(_ name: String, _ values: Tensor) -> SafetensorsWriter.Entry {
      let (rows, columns) = (values.shape[0], values.shape[1])
      return SafetensorsWriter.Entry(name: name, dtype: .u8, shape: [rows, (columns + 1) / 2]) {
        sink in
        try PackedCodes.packNibbles(Array(values.bytes), rows: rows, columns: columns)
          .withUnsafeBytes(sink)
      }
    }
    let weight =
      PackedWords(layer.entry.format).map { words("\(name).weight", layer.codes, $0) }
      ?? nibbles("\(name).weight", layer.codes)
    return [weight] + layer.tensors.own.map { .init($0) }
      + (layer.tensors.zeros.map { [nibbles("\(name).zeros", $0)] } ?? [])
  }

  private static func words(
    _ name: String, _ codes: Tensor, _ packing: PackedWords
  ) -> SafetensorsWriter.Entry {
    let (rows, columns) = (codes.shape[0], codes.shape[1])
    let shape = [rows, packing.width(columns: columns)]
    return SafetensorsWriter.Entry(name: name, dtype: .u16, shape: shape) { sink in
      try packing.pack(Array(codes.bytes), rows: rows, columns: columns, place: codes.place)
        .withUnsafeBytes(sink)
    }
  }

  /// A corrected bias, in F32: what centring folds into it can be many times the layer's output.
  private static func bias(_ name: String, _ values: [Float]) -> SafetensorsWriter.Entry {
    .init(Tensor(name: name, dtype: .f32, shape: [values.count], values: values))
  }

  /// `values` as F16, or as BF16 when they are too large for F16.
  private static func sixteenBit(
    _ name: String, _ values: [Float], _ shape: [Int]
  ) throws -> SafetensorsWriter.Entry {
    guard values.allSatisfy(\.isFinite) else {
      throw Failure(name, "expected finite numbers, found NaN or infinity")
    }
    if values.contains(where: { !Float16($0).isFinite }) {
      // Round to nearest, ties to even, by adding half of what is cut off.
      let halves = values.map { value in
        let bits = value.bitPattern
        return UInt16(truncatingIfNeeded: (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
      }
      return .init(Tensor(name: name, dtype: .bf16, shape: shape, values: halves))
    }
    return .init(Tensor(name: name, dtype: .f16, shape: shape, values: values.map { Float16($0) }))
  }

  /// What the user sees: bits a weight of the quantized layers and of the whole, and the size.
  package var summary: String {
    let bytes = (quantizedBits + otherBits) / 8
    let perWeight = Double(quantizedBits) / Double(max(1, quantizedWeights))
    let whole =
      Double(quantizedBits + otherBits) / Double(max(1, quantizedWeights + otherBits / 16))
    return """
      \(codes.layers.entries.count) layers at \(fixed(perWeight, 3)) bits a weight, all of the transformer at \
      \(fixed(whole, 3)); \(fixed(Double(bytes) / 1e6, 2)) MB instead of \(fixed(Double(floatBytes) / 1e6, 2)) MB
      """
  }

  /// Compares a written file with what was to be written, tensor by tensor.
  ///
  /// - Throws: `Failure` naming the first tensor that differs.
  package func verify(_ file: SafetensorsFile) throws {
    guard Set(file.names) == Set(entries.map(\.name)) else {
      throw Failure(file.path, "expected \(entries.count) tensors, found \(file.names.count)")
    }
    for entry in entries {
      let found = try file.tensor(entry.name, shape: entry.shape)
      var offset = 0
      try entry.produce { bytes in
        let end = offset + bytes.count
        guard end <= found.bytes.count, found.bytes[offset..<end].elementsEqual(bytes) else {
          throw Failure(found.place, "expected the bytes that were packed, found others")
        }
        offset = end
      }
    }
  }
}

/// `value` with `digits` decimals.
private func fixed(_ value: Double, _ digits: Int) -> String {
  String(format: "%.\(digits)f", value)
}
