import Gradients
import Models
import Tensors

/// The samples in the float network, and in the one with rounded units if blocks are fed with what that gives.
package final class SampleStreams {
  private let float: SampleStream
  private let rounded: SampleStream?
  /// The block that the streams stand before.
  private var next = 0

  package init(float: SampleStream, rounded: SampleStream?) {
    (self.float, self.rounded) = (float, rounded)
  }

  /// Passes the blocks before block `index`, of which nothing is rounded here.
  package func advance(to index: Int, of blocks: [PixArtBlock]) throws {
    while next < index {
      let block = try SampleStreams.unlearned(blocks[next])
      float.advance(through: block)
      rounded?.advance(through: block)
      next += 1
    }
  }

  /// What `block`, the next one, is to be learned from.
  ///
  /// - Returns: the samples before it, and what the float block makes of the float model's, of each sample [tokens][D].
  package func sides(of block: PixArtBlock) throws -> (inputs: SampleStream, targets: [Matrix]) {
    let block = try SampleStreams.unlearned(block)
    guard let rounded else { return (float, float.outputs(of: block)) }
    float.advance(through: block)
    return (rounded, float.hidden)
  }

  /// What `layer` of the next block reads in both networks.
  ///
  /// - Parameters:
  ///   - layer: of the block.
  ///   - pair: the block in the float network, and as far as it is rounded.
  /// - Returns: what the rounded layers before it do to its input; nil when there is no rounded network, and for layers that read the prompt.
  func correction(of layer: String, in pair: BlockPair) -> PrefixCorrection? {
    guard let rounded, let tokens = float.hidden.first?.rows else { return nil }
    var correction: PrefixCorrection?
    pair.watch(layer)
    for first in stride(from: 0, to: float.hidden.count, by: SampleStream.batch) {
      let count = min(SampleStream.batch, float.hidden.count - first)
      guard let x = float.input(of: pair.float, to: pair.floatInputs, first: first),
        let z = rounded.input(of: pair.rounded, to: pair.roundedInputs, first: first),
        x.rows == count * tokens
      else { return nil }
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
    if let rounded { try unit.advance(rounded) } else { float.hidden = targets }
    next += 1
  }

  private static func unlearned(_ block: PixArtBlock) throws -> TapedPixArtBlock {
    try TapedPixArtBlock(block, options: TapedOptions { _ in false })
  }
}
