import Kernels
import Tensors

/// A batch of prompts as the cross-attention of every block reads it, before the block's own layers.
package struct ProjectedText: Sendable {
  package let batch: Int
  /// Text tokens a sample, without the padding that all samples share.
  package let tokens: Int
  /// [batch * tokens][D].
  package let states: Matrix
  /// [batch][tokens], added to the scaled logits: 0, or -10000 on padding.
  package let bias: Matrix
  /// [batch * tokens], false on padding.
  let valid: [Bool]
}

/// What a batch of prompts brings to every block, computed once and read at every step.
package final class TextContext: Sendable {
  package let batch: Int
  /// Text tokens a sample, without the padding that all samples share.
  package let tokens: Int
  /// Per block [batch * tokens][D].
  let keys: [Matrix]
  let values: [Matrix]
  /// [batch][tokens], added to the scaled logits: 0, or -10000 on padding.
  let bias: Matrix

  init(batch: Int, tokens: Int, keys: [Matrix], values: [Matrix], bias: Matrix) {
    self.batch = batch
    self.tokens = tokens
    self.keys = keys
    self.values = values
    self.bias = bias
  }
}

extension PixArtTransformer {
  /// Projects the text encoder's states and makes each block's cross-attention keys and values of them.
  ///
  /// The parameters are those of `projectText`; for guidance, the negative prompts count too.
  ///
  /// - Returns: what `forward` reads of the prompts at every step.
  package func prepareText(
    _ states: Matrix, mask: [Bool], batch: Int, observer: (any LayerObserver)? = nil
  ) -> TextContext {
    let text = projectText(states, mask: mask, batch: batch, observer: observer)
    let pairs = blocks.map {
      $0.crossAttention.keysAndValues(text.states, valid: text.valid, observer: observer)
    }
    return TextContext(
      batch: batch, tokens: text.tokens, keys: pairs.map(\.keys), values: pairs.map(\.values),
      bias: text.bias)
  }

  /// Projects the text encoder's states to the width of the blocks.
  ///
  /// Positions that are padding in every sample are left out: their weight, exp(-10000 + ...), is exactly 0 in f32.
  ///
  /// - Parameters:
  ///   - states: [batch * length][caption channels], padded to one length.
  ///   - mask: [batch * length], true for real tokens.
  ///   - batch: how many prompts.
  ///   - observer: sees the inputs of the projections.
  /// - Returns: the projected states of the positions that are kept.
  package func projectText(
    _ states: Matrix, mask: [Bool], batch: Int, observer: (any LayerObserver)? = nil
  ) -> ProjectedText {
    precondition(batch > 0 && states.rows % batch == 0, "\(states.rows) rows of \(batch) prompts")
    precondition(mask.count == states.rows, "\(states.rows) rows, a mask of \(mask.count)")
    let hidden = captionLinear1(states, valid: mask, observer: observer)
    hidden.applyGELU()
    let projected = captionLinear2(hidden, valid: mask, observer: observer)
    observer?.observe(module: "caption_projection", output: projected)

    let length = states.rows / batch
    let used = PixArtTransformer.usedLength(mask: mask, batch: batch, length: length)
    let text = Matrix(rows: batch * used, columns: projected.columns)
    let bias = Matrix(rows: batch, columns: used)
    var valid: [Bool] = []
    for sample in 0..<batch {
      text.row(sample * used).update(
        from: projected.row(sample * length), count: used * projected.columns)
      let flags = mask[(sample * length)..<(sample * length + used)]
      for (token, flag) in flags.enumerated() { bias.row(sample)[token] = flag ? 0 : -10000 }
      valid += flags
    }
    return ProjectedText(batch: batch, tokens: used, states: text, bias: bias, valid: valid)
  }

  /// One past the last real token of any sample; the whole length when a sample has none, whose attention is then even over all of it.
  private static func usedLength(mask: [Bool], batch: Int, length: Int) -> Int {
    let ends = (0..<batch).map { sample in
      mask[(sample * length)..<((sample + 1) * length)].lastIndex(of: true)
        .map { $0 - sample * length + 1 } ?? length
    }
    return ends.max() ?? length
  }
}
