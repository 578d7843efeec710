import Platform
import Tensors

/// The rows of a batch [batch * tokens][columns] in chunks that never straddle two samples.
///
/// Their borders depend on the shape alone. Elementwise passes run over them: each chunk has one
/// sample's scale, shift and gate.
package struct RowChunks {
  /// Samples in the batch.
  package let batch: Int
  /// Chunks of each sample.
  package let perSample: Int
  private let tokens: Int
  private let size: Int

  /// The chunks of x [batch * tokens][columns].
  package init(of x: Matrix, batch: Int = 1) {
    self.batch = batch
    // About a quarter of a mebibyte: a chunk stays in the core's cache between the passes over it.
    size = max(1, (1 << 16) / max(1, x.columns))
    tokens = x.rows / batch
    perSample = (tokens + size - 1) / size
  }

  /// Calls `body` with every chunk, on all threads.
  package func forEach(_ body: (_ sample: Int, _ rows: Range<Int>) -> Void) {
    forEachNumbered { _, sample, rows in body(sample, rows) }
  }

  /// As `forEach`, with the chunk's number: `sample * perSample` is the first of a sample.
  package func forEachNumbered(
    _ body: (_ index: Int, _ sample: Int, _ rows: Range<Int>) -> Void
  ) {
    Parallel.forEach(batch * perSample) { index in
      let (sample, first) = (index / perSample, index % perSample * size)
      let start = sample * tokens
      body(index, sample, (start + first)..<(start + min(tokens, first + size)))
    }
  }
}
