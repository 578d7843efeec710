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

  /// Passes the next block, which was rounded to the weights of `unit`.
  package func pass(_ unit: BlockUnit, targets: [Matrix]) throws {
    if let rounded { try unit.advance(rounded) } else { float.hidden = targets }
    next += 1
  }

  private static func unlearned(_ block: PixArtBlock) throws -> TapedPixArtBlock {
    try TapedPixArtBlock(block, options: TapedOptions { _ in false })
  }
}
