import Layers
import Platform
import Streams
import Tensors

/// The text's way into the blocks: two linear layers with GELU between, diffusers'
/// `PixArtAlphaTextProjection`.
struct PixArtCaption: Sendable {
  let linear1: Linear
  let linear2: Linear

  init(config: PixArtConfig, makeLinear: LinearFactory) throws {
    func linear(_ part: String, _ inputs: Int, readsGELU: Bool = false) throws -> Linear {
      try makeLinear(
        LayerRole(
          "caption_projection.\(part)", kind: .embedding, readsGELU: readsGELU, rows: .text),
        inputs, config.width)
    }
    linear1 = try linear("linear_1", config.captionChannels)
    linear2 = try linear("linear_2", config.width, readsGELU: true)
  }

  var linears: [Linear] { [linear1, linear2] }

  /// Projects the text encoder's states to the width of the blocks.
  ///
  /// Positions that are padding in every sample are left out: their weight, exp(-10000 + ...), is
  /// exactly 0 in f32.
  ///
  /// - Parameters:
  ///   - states: [samples * length][caption channels], padded to one length.
  ///   - mask: [samples * length], true for real tokens.
  ///   - samples: how many prompts.
  ///   - observer: sees the inputs of the projections.
  /// - Returns: the projected states of the positions that are kept.
  func callAsFunction(
    _ states: Matrix, mask: [Bool], samples: Int, observer: (any LayerObserver)?
  ) -> ProjectedText {
    let direct = Direct(samples: samples, observer: observer)
    let hidden = direct.project(linear1, states, valid: mask)
    let projected = direct.project([linear2], .gelu(hidden), valid: mask)[0]
    direct.show("caption_projection", projected)

    let length = states.rows / samples
    let used = PixArtCaption.usedLength(mask: mask, samples: samples, length: length)
    let text = Matrix(rows: samples * used, columns: projected.columns)
    let bias = Matrix(rows: samples, columns: used)
    var valid: [Bool] = []
    for sample in 0..<samples {
      text.row(sample * used).update(
        from: projected.row(sample * length), count: used * projected.columns)
      let flags = mask[(sample * length)..<(sample * length + used)]
      for (token, flag) in flags.enumerated() { bias.row(sample)[token] = flag ? 0 : -10000 }
      valid += flags
    }
    return ProjectedText(tokens: used, states: text, bias: bias, valid: valid)
  }

  /// One past the last real token of any sample; the whole length when a sample has none, whose
  /// attention is then even over all of it.
  private static func usedLength(mask: [Bool], samples: Int, length: Int) -> Int {
    let ends = (0..<samples).map { sample in
      mask[(sample * length)..<((sample + 1) * length)].lastIndex(of: true)
        .map { $0 - sample * length + 1 } ?? length
    }
    return ends.max() ?? length
  }
}

extension PixArtTransformer {
  package func projectText(
    _ prompts: [EncodedPrompt], observer: (any LayerObserver)?
  ) -> ProjectedText {
    // T5's, padded to one length.
    let texts = prompts.map { $0.texts[0] }
    let length = texts.map(\.states.rows).max() ?? 0
    let states = Matrix(
      rows: texts.count * length, columns: config.captionChannels, zeroed: true)
    var mask = Array(repeating: false, count: states.rows)
    for (index, text) in texts.enumerated() {
      precondition(text.states.columns == states.columns, "text of \(text.states.columns) channels")
      states.row(index * length).update(from: text.states.pointer, count: text.states.count)
      for (token, isReal) in text.mask.enumerated() { mask[index * length + token] = isReal }
    }
    return caption(states, mask: mask, samples: texts.count, observer: observer)
  }
}
