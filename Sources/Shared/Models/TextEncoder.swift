import Layers
import Platform
import Tensors

/// A text encoder: tokens in, states out.
package protocol TextEncoder {
  /// Channels of its states.
  var width: Int { get }
  /// The blocks that it runs one after the other, for progress.
  var blockCount: Int { get }
  /// The table of its tokens, then the linear layers of its blocks in the order in which they are
  /// computed.
  var linears: [Linear] { get }

  /// The last hidden states of `texts`, each the same to the bit as if it were alone.
  ///
  /// Each block runs over all texts, one after the other, before the next one does: the weights are
  /// read once, whatever the number of texts.
  ///
  /// - Parameters:
  ///   - texts: each of its own length.
  ///   - observer: sees the blocks' outputs and the linear layers' inputs, text by text.
  ///   - didFinishBlock: called after each block.
  /// - Returns: [samples * length][width] of each text.
  /// - Throws: `Failure` for an id outside the vocabulary, for states that are not finite, and what
  ///   `didFinishBlock` throws.
  func encode(
    _ texts: [TextBatch], observer: (any LayerObserver)?, didFinishBlock: () throws -> Void
  ) throws -> [Matrix]
}

extension TextEncoder {
  /// Seconds that `encode` will take: the first block, its weights read from the disk or from the
  /// system's cache as they are now, times the blocks.
  ///
  /// - Throws: as `encode` does.
  package func plannedSeconds(
    _ texts: [TextBatch], observer: (any LayerObserver)? = nil
  ) throws -> Double {
    let first = try timed {
      do {
        _ = try encode(texts, observer: observer) { throw FirstBlockIsDone() }
      } catch is FirstBlockIsDone {}
    }
    return first * Double(blockCount)
  }

  /// As above, for those who need not hear of blocks.
  ///
  /// - Returns: the states of each text.
  package func encode(
    _ texts: [TextBatch], observer: (any LayerObserver)? = nil
  ) throws -> [Matrix] {
    try encode(texts, observer: observer) {}
  }
}

private struct FirstBlockIsDone: Error {}
