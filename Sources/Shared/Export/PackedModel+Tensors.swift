import Formats
import Streams
import Tensors

/// The tensors of our own layout (`PackedLayout`), as `dit-run` reads them; codes are packed when
/// their turn to be written comes.
extension PackedModel {
  package func tensors() throws -> [SafetensorsWriter.Entry] {
    try layers.flatMap { try $0.packed() }
      + (sites.values.joined() + others).map { SafetensorsWriter.Entry($0) }
  }
}

extension PackedModel.Layer {
  /// `L.weight`, what `LayerTensors` lists and, packed as well, `L.zeros`; `L.bias` in F32.
  fileprivate func packed() throws -> [SafetensorsWriter.Entry] {
    let (layout, codes, rows, columns) = (entry.layout, codes, outputs, inputs)
    let (dtype, shape) = try layout.packedCodes(rows: rows, columns: columns, place: codes.place)
    var entries = [
      SafetensorsWriter.Entry(name: "\(name).weight", dtype: dtype, shape: shape) { sink in
        try layout.pack(Array(codes.bytes), rows: rows, columns: columns, place: codes.place)
          .withUnsafeBytes(sink)
      }
    ]
    entries += tensors.own.map { .init($0) }
    if let zeros = tensors.zeros {
      let shape = layout.packedZeros(rows: rows, columns: columns)
      entries.append(
        SafetensorsWriter.Entry(name: "\(name).zeros", dtype: .u8, shape: shape) { sink in
          try layout.pack(zeros: Array(zeros.bytes), rows: rows, columns: columns)
            .withUnsafeBytes(sink)
        })
    }
    if let bias {
      entries.append(
        .init(Tensor(name: "\(name).bias", dtype: .f32, shape: [bias.count], values: bias)))
    }
    return entries
  }
}
