import Foundation
import Platform

/// What is rounded jointly with `--objective block`: the quantized layers of a transformer block, or one layer outside the blocks.
package enum RoundingUnit: Equatable {
  case layer(String)
  case block(Int, layers: [String])

  package var name: String {
    switch self {
    case .layer(let name): name
    case .block(let index, _): "transformer_blocks.\(index)"
    }
  }

  package var layers: [String] {
    switch self {
    case .layer(let name): [name]
    case .block(_, let layers): layers
    }
  }

  /// The units of `layers` in the order in which the network computes them: text, patches and conditioning before the blocks (the paper
  /// takes conditioning last, FP4DIT.md section 9), the output after them.
  static func units(of layers: some Sequence<String>) -> [RoundingUnit] {
    let before = [
      "caption_projection.", "pos_embed.", "adaln_single.emb.", "adaln_single.",
      "transformer_blocks.",
    ]
    /// Where a layer stands, and the block it belongs to.
    func place(_ layer: String) -> (rank: Int, block: Int) {
      let rank = before.firstIndex { layer.hasPrefix($0) } ?? before.count
      return (rank, layer.split(separator: ".").dropFirst().first.flatMap { Int($0) } ?? 0)
    }
    let sorted = layers.map { (layer: $0, place: place($0)) }
      .sorted {
        ($0.place.rank, $0.place.block, $0.layer) < ($1.place.rank, $1.place.block, $1.layer)
      }
    var units: [RoundingUnit] = []
    for (layer, place) in sorted {
      guard before.indices.contains(place.rank), before[place.rank] == "transformer_blocks." else {
        units.append(.layer(layer))
        continue
      }
      if case .block(place.block, let earlier)? = units.last {
        units[units.count - 1] = .block(place.block, layers: earlier + [layer])
      } else {
        units.append(.block(place.block, layers: [layer]))
      }
    }
    return units
  }

  /// Finds the units of a shard.
  ///
  /// - Parameters:
  ///   - layers: every quantized layer.
  ///   - chosen: those of the shard.
  ///   - pattern: names the shard in a failure.
  ///   - options: quantized inputs need all units before each one.
  /// - Returns: them, in execution order.
  /// - Throws: `Failure` naming the layer or unit that is missing.
  package static func shard(
    of layers: some Sequence<String>, chosen: Set<String>, pattern: String,
    options: ReconstructionOptions
  ) throws -> [RoundingUnit] {
    let units = units(of: layers)
    if !options.isByBlock, chosen.count < Set(layers).count {
      throw Failure(
        "layers \(pattern)",
        "expected all layers with --inputs quantized, where each makes up for those before it; shards need --inputs full"
      )
    }
    for unit in units where unit.layers.contains(where: chosen.contains) {
      if let missing = unit.layers.first(where: { !chosen.contains($0) }) {
        throw Failure(
          "layers \(pattern)", "expected whole blocks with --objective block, missing \(missing)")
      }
    }
    let shard = units.filter { $0.layers.contains(where: chosen.contains) }
    if options.inputs == .quantized,
      let (unit, other) = zip(units, shard).first(where: { $0 != $1 })
    {
      throw Failure(
        "layers \(pattern)",
        "expected all units before \(other.name) with --inputs quantized, missing \(unit.name)")
    }
    return shard
  }
}
