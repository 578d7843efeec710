import Platform
import Rounding
import Streams

/// What is rounded jointly with `--objective block`: the quantized layers of a transformer block,
/// or one layer outside the blocks.
package enum RoundingUnit: Equatable {
  case layer(LayerRole)
  case block(String, layers: [LayerRole])

  package var name: String {
    switch self {
    case .layer(let role): role.name
    case .block(let name, _): name
    }
  }

  package var layers: [LayerRole] {
    switch self {
    case .layer(let role): [role]
    case .block(_, let layers): layers
    }
  }

  /// The units of `layers`, which come in the order in which the network computes them: text,
  /// patches and conditioning before the blocks (FP4DiT takes conditioning last), the output after
  /// them.
  static func units(of layers: [LayerRole]) -> [RoundingUnit] {
    var units: [RoundingUnit] = []
    for role in layers {
      guard let block = role.block else {
        units.append(.layer(role))
        continue
      }
      if case .block(block, let earlier)? = units.last {
        units[units.count - 1] = .block(block, layers: earlier + [role])
      } else {
        units.append(.block(block, layers: [role]))
      }
    }
    return units
  }

  /// Finds the units of a shard.
  ///
  /// - Parameters:
  ///   - layers: every quantized layer, in the order in which the network computes them.
  ///   - chosen: those of the shard.
  ///   - pattern: names the shard in a failure.
  ///   - options: quantized inputs need all units before each one.
  /// - Returns: them, in execution order.
  /// - Throws: `Failure` naming the layer or unit that is missing.
  package static func shard(
    of layers: [LayerRole], chosen: Set<String>, pattern: String,
    options: ReconstructionOptions
  ) throws -> [RoundingUnit] {
    let units = units(of: layers)
    if !options.isByBlock, chosen.count < layers.count {
      throw Failure(
        "layers \(pattern)",
        "expected all layers with --inputs quantized, where each makes up for those before it; shards need --inputs full"
      )
    }
    func isChosen(_ role: LayerRole) -> Bool { chosen.contains(role.name) }
    for unit in units where unit.layers.contains(where: isChosen) {
      if let missing = unit.layers.first(where: { !isChosen($0) }) {
        throw Failure(
          "layers \(pattern)",
          "expected whole blocks with --objective block, missing \(missing.name)")
      }
    }
    let shard = units.filter { $0.layers.contains(where: isChosen) }
    if options.feed == .quantized,
      let (unit, other) = zip(units, shard).first(where: { $0 != $1 })
    {
      throw Failure(
        "layers \(pattern)",
        "expected all units before \(other.name) with --inputs quantized, missing \(unit.name)")
    }
    return shard
  }
}
