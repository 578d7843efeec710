import Gradients
import Models
import Platform
import Rounding
import Streams
import Tensors

/// The samples in the float network, and in the one with rounded units if blocks are fed with what
/// that gives.
package final class SampleStreams {
  private let float: SampleStream
  private let rounded: SampleStream?
  /// The block that the streams stand before.
  private var next = 0

  package init(float: SampleStream, rounded: SampleStream?) {
    (self.float, self.rounded) = (float, rounded)
  }

  /// Passes the blocks before block `index`, of which nothing is rounded here.
  package func advance(to index: Int, of blocks: [any TransformerBlock]) throws {
    while next < index {
      let block = try SampleStreams.unlearned(blocks[next])
      float.advance(through: block)
      rounded?.advance(through: block)
      next += 1
    }
  }

  /// What `block`, the next one, is to be learned from.
  ///
  /// - Returns: the samples before it, and what the float block makes of the float model's, of each
  ///   sample [tokens][D].
  package func sides(of block: any TransformerBlock) throws -> (
    inputs: SampleStream, targets: [Matrix]
  ) {
    let block = try SampleStreams.unlearned(block)
    guard let rounded else { return (float, float.outputs(of: block)) }
    float.advance(through: block)
    return (rounded, float.hidden)
  }

  /// What a layer of the next block reads in both networks.
  ///
  /// - Parameters:
  ///   - role: of the layer.
  ///   - pair: the block in the float network, and as far as it is rounded.
  /// - Returns: what the rounded layers before it do to its input; nil when there is no rounded
  ///   network, and for layers that read the prompt.
  /// - Throws: `Failure` for a layer that did not run.
  func correction(of role: LayerRole, in pair: BlockPair) throws -> PrefixCorrection? {
    guard let rounded, role.rows == .tokens else { return nil }
    let layer = role.name
    var correction: PrefixCorrection?
    for first in stride(from: 0, to: float.hidden.count, by: SampleStream.batch) {
      guard let x = float.input(of: layer, in: pair.float, first: first),
        let z = rounded.input(of: layer, in: pair.rounded, first: first)
      else { throw Failure(layer, "expected it to read the samples of its block, it did not run") }
      let own = correction ?? PrefixCorrection(inputs: x.columns)
      own.add(float: x, rounded: z)
      correction = own
    }
    return correction
  }

  /// Passes the next block in both networks.
  func pass(_ pair: BlockPair) {
    float.advance(through: pair.float)
    rounded?.advance(through: pair.rounded)
    next += 1
  }

  /// Passes the next block, which was rounded to the weights of `unit`.
  package func pass(_ unit: BlockUnit, targets: [Matrix]) throws {
    if let rounded { try unit.advance(rounded) } else { unit.pass(float, outputs: targets) }
    next += 1
  }

  private static func unlearned(_ block: any TransformerBlock) throws -> TapedBlock {
    try TapedBlock(block)
  }
}
