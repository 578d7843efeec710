import Formats
import Foundation
import Platform
import Streams
import Tensors
import TestSupport

/// A float model that computes what the codes in a file mean, made from their definition and not by
/// the tools' own code.
///
/// A packed layer gives (V + up down) x' + bias, V = level * scale, x' = H ((x - center) / smooth).
/// The float layer that is the same has the weight (V + up down) H diag(1 / smooth) and the bias
/// less that times the center.
struct DequantizedModel {
  private let codes: SafetensorsFile
  private let original: SafetensorsFile

  static let weights = "transformer/diffusion_pytorch_model.safetensors"

  /// Opens the codes of the example model.
  init(codes path: String) throws {
    codes = try SafetensorsFile(path)
    original = try SafetensorsFile("\(Fixture.model)/\(DequantizedModel.weights)")
  }

  /// Writes the model as the folder `folder`, its other parts linked.
  func write(to folder: String) throws {
    let files = FileManager.default
    try files.createDirectory(
      atPath: "\(folder)/transformer", withIntermediateDirectories: true)
    for part in try files.contentsOfDirectory(atPath: Fixture.model)
    where part != "transformer" {
      try files.createSymbolicLink(
        atPath: "\(folder)/\(part)", withDestinationPath: "\(Fixture.model)/\(part)")
    }
    try files.copyItem(
      atPath: "\(Fixture.model)/transformer/config.json",
      toPath: "\(folder)/transformer/config.json")
    let layers = try LayerFormats(json: codes.metadata["fpq.layers"] ?? "", place: codes.path)
    var replaced: [String: Tensor] = [:]
    for (layer, entry) in layers.entries {
      for tensor in try floats(layer, entry) { replaced[tensor.name] = tensor }
    }
    let tensors = try original.names.map { try replaced[$0] ?? original.tensor($0) }
    try save("\(folder)/\(DequantizedModel.weights)", tensors)
  }

  /// Weight [N][K] and bias [N] of `layer` in f32.
  private func floats(_ layer: String, _ entry: LayerFormats.Entry) throws -> [Tensor] {
    let table = try codes.tensor("\(layer).codes")
    let (outputs, inputs) = (table.shape[0], table.shape[1])
    let groupSize = entry.layout.groupSize(inputs)
    let groups = (inputs + groupSize - 1) / groupSize
    func numbers(_ name: String) throws -> [Double]? {
      try codes.find(name)?.floats().map { Double($0) }
    }
    let scales = try numbers("\(layer).scales") ?? []
    let negative = try numbers("\(layer).negative_scales") ?? scales
    let zeros = try numbers("\(layer).zeros")
    let global = try numbers("\(layer).global_scale")?[0] ?? 1
    let center = try entry.input.site.flatMap { try numbers("\($0).center") }
    let smooth = try entry.input.site.flatMap { try numbers("\($0).smooth") }
    // [N][rank] and [rank][K], of a branch beside the codes.
    let (up, down) = (try numbers("\(layer).up"), try numbers("\(layer).down"))
    let bias = try numbers("\(layer).bias_correction") ?? []
    let old = try original.tensor("\(layer).bias").floats()
    var weight: [Float] = []
    var corrected: [Float] = []
    for n in 0..<outputs {
      var row = (0..<inputs).map { k in
        let group = n * groups + k / groupSize
        let level =
          Double(entry.layout.format.decode(table.bytes[n * inputs + k])) - (zeros?[group] ?? 0)
        return level * (level < 0 ? negative : scales)[group] * global
      }
      if let up, let down {
        for i in 0..<entry.rank {
          for k in 0..<inputs { row[k] += up[n * entry.rank + i] * down[i * inputs + k] }
        }
      }
      row = rotated(row, block: entry.input.hadamard)
      if let smooth { row = zip(row, smooth).map { $0 / $1 } }
      weight += row.map { Float($0) }
      let shift = center.map { zip(row, $0).reduce(0) { $0 + $1.0 * $1.1 } } ?? 0
      corrected.append(Float(Double(old[n]) + bias[n] - shift))
    }
    return [
      Tensor(name: "\(layer).weight", dtype: .f32, shape: [outputs, inputs], values: weight),
      Tensor(name: "\(layer).bias", dtype: .f32, shape: [outputs], values: corrected),
    ]
  }

  /// v H by the definition of the Walsh-Hadamard matrix: H_ij = (-1)^(ones of i & j) / sqrt(block)
  /// in each block.
  private func rotated(_ v: [Double], block: Int) -> [Double] {
    guard block > 1 else { return v }
    return v.indices.map { j in
      let first = j / block * block
      return (first..<(first + block)).reduce(0) { sum, i in
        sum + ((i & j & (block - 1)).nonzeroBitCount % 2 == 0 ? v[i] : -v[i])
      } / Double(block).squareRoot()
    }
  }
}
