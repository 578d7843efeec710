import Export
import Formats
import Foundation
import Platform
import Streams
import Tensors

extension PackModel {
  /// What the run will read, write and take: the first layer's codes are packed, and some of the
  /// weights are hashed.
  ///
  /// - Throws: `Failure` for what the run itself would refuse when it opens its inputs.
  package func plan() throws -> RunPlan {
    let (parts, folder) = try open()
    var plan = try plan(parts, of: folder)
    for codes in parts {
      let weights = try weights(of: codes, folder)
      guard let name = codes.layers.entries.keys.sorted().first else { continue }
      let layer = try codes.layer(name)
      let layout = layer.entry.layout
      let (rows, columns) = (layer.outputs, layer.inputs)
      let packing = try timed {
        let bytes = Array(layer.codes.bytes)
        let packed = try layout.pack(bytes, rows: rows, columns: columns, place: name)
        let digest = try Digest()
        packed.withUnsafeBytes(digest.add)
      }
      let all = codes.layers.entries.keys.reduce(0) {
        $0 + ((try? codes.layer($1).codes.count) ?? 0)
      }
      plan.takes(
        "\(codes.layers.entries.count) layers of \(codes.metadata.part)",
        packing * Double(all) / Double(rows * columns))
      let sample = try weights.tensor("\(name).weight").bytes
      let hashing = try timed { try Digest().add(sample) }
      plan.takes(
        "hashing the float weights",
        hashing * Double(fileSize(weights.path)) / Double(max(1, sample.count)))
    }
    return plan
  }

  /// What is certain of the run.
  func plan(_ parts: [MergedCodes], of folder: ModelFolder) throws -> RunPlan {
    var plan = RunPlan()
    for input in inputs { plan.reads(input, bytes: fileSize(input), "") }
    var bytes = 0
    for codes in parts {
      let weights = try weights(of: codes, folder)
      plan.reads(weights.path, bytes: fileSize(weights.path), "")
      for name in codes.layers.entries.keys {
        let layer = try codes.layer(name)
        bytes += try layer.entry.layout.bits(rows: layer.outputs, columns: layer.inputs) / 8
      }
    }
    if Exporters.usualName(for: output) == "folder", !links {
      let packed = Set(parts.map(\.metadata.part))
      for part in folder.allParts where !packed.contains(part) {
        let size = try Checkpoint.size(
          of: folder.folder(part), variant: folder.options.variant)
        plan.reads(folder.folder(part), bytes: size, "copied")
        bytes += size
      }
    }
    plan.writes(output, bytes: bytes, "at least")
    return plan
  }
}
