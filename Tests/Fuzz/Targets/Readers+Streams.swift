import Export
import Layers
import Streams
import Tensors
import TestSupport

/// Calls `body` with the path of the stream that an input says.
private func withStream(_ text: UnsafeRawBufferPointer, _ body: (String) throws -> Void) throws {
  try StreamText.file(text).withUnsafeBytes { try FuzzFile.with($0, body) }
}

func readStats(_ text: UnsafeRawBufferPointer) throws {
  try withStream(text) { path in
    let file = try StatisticsFile(path)
    for site in file.sites { try attempt { _ = try file.statistics(of: site) } }
  }
}

/// Reads codes, and packs them into a model of one layer, `a`.
func readCodes(_ text: UnsafeRawBufferPointer) throws {
  try withStream(text) { path in
    let file = try CodesFile(path)
    try attempt { _ = try CodedLayers(of: file) }
    let model = MemorySource(tensors: [
      Tensor(name: "a.bias", dtype: .f32, shape: [4], values: [Float](repeating: 1, count: 4)),
      Tensor(
        name: "a.weight", dtype: .f32, shape: [4, 32], values: [Float](repeating: 1, count: 128)),
      Tensor(name: "b", dtype: .f32, shape: [2], values: [Float(1), 2]),
    ])
    let packed = try PackedModel(
      codes: MergedCodes([file]), weights: model, metadata: file.metadata)
    _ = try packed.summary()
    for tensor in try packed.tensors() { try tensor.produce { _ in } }
  }
}

/// Reads each layer as one of 32 channels and 4 outputs, and runs it on two rows.
func readPacked(_ text: UnsafeRawBufferPointer) throws {
  try withStream(text) { path in
    let file = try SafetensorsFile(path)
    let layout = try PackedLayout(of: file)
    for name in layout.layers.entries.keys.sorted() {
      try attempt {
        let linear = try layout.linear(
          LayerRole(name, kind: .query), inputs: 32, outputs: 4, from: file)
        let input = Matrix(rows: 2, columns: 32)
        for index in 0..<input.count { input.pointer[index] = Float(index) - 20 }
        _ = linear(input)
      }
    }
  }
}
