import Foundation
import Layers
import Tensors

/// A block of a text encoder, as far as its weights go.
protocol TextBlock {
  var linears: [Linear] { get }
}

/// Calls `body` with each block in turn, whose weights are read from their file while the block
/// before it is computed, and let go after it.
///
/// So a file of 19 GB needs the memory of one block, and the disk works while the processor does.
func forEachReadAhead<Block: TextBlock>(_ blocks: [Block], _ body: (Block) throws -> Void) rethrows
{
  func ask(for index: Int) {
    guard blocks.indices.contains(index) else { return }
    let linears = blocks[index].linears
    // On a thread of its own, as the call waits while the disk's queue is full.
    Thread.detachNewThread { for tensor in linears.flatMap(\.tensors) { tensor.willNeed() } }
  }
  ask(for: 0)
  for (index, block) in blocks.enumerated() {
    ask(for: index + 1)
    try body(block)
    for tensor in block.linears.flatMap(\.tensors) { tensor.letGo() }
  }
}
