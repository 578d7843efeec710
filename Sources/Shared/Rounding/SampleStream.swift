import Calibration
import Gradients
import Models
import Pipeline
import Tensors

/// The calibration samples on their way through the blocks of one network: the float one, or one with a rounded prefix.
///
/// Held for one block at a time: tokens * D floats a sample for what the block reads, and as much for what it should give.
package final class SampleStream {
  /// Of each sample [tokens][D], what the next block reads.
  package internal(set) var hidden: [Matrix]
  /// [samples][6 * D], what the timestep adds to every block's table.
  private let modulation: Matrix
  /// Of each distinct prompt [text tokens][D].
  private let texts: [Matrix]
  /// Which of `texts` each sample reads.
  private let textOfSample: [Int]

  /// Samples that run through a block together when nothing is learned; the results' last bits may depend on it.
  static let batch = 16

  /// What `model` gives to its first block.
  package init(_ samples: CalibrationSamples, model: PixArtTransformer) {
    let all = samples.samples
    modulation = Matrix(rows: all.count, columns: 6 * model.config.width)
    hidden = []
    for first in stride(from: 0, to: all.count, by: SampleStream.batch) {
      let part = all[first..<min(all.count, first + SampleStream.batch)]
      let inputs = model.blockInputs(
        latents: part.flatMap(\.latents), batch: part.count, height: samples.height,
        width: samples.width, timesteps: part.map(\.timestep), conditions: samples.conditions)
      modulation.row(first).update(from: inputs.modulation.pointer, count: inputs.modulation.count)
      for index in 0..<part.count { hidden.append(inputs.x.sample(index, of: part.count)) }
    }
    texts = samples.texts.map {
      model.projectText(
        $0.states, mask: Array(repeating: true, count: $0.states.rows), batch: 1
      ).states
    }
    textOfSample = all.map(\.text)
  }

  /// The same samples at the same block, to go another way.
  package init(_ other: SampleStream) {
    hidden = other.hidden
    (modulation, texts, textOfSample) = (other.modulation, other.texts, other.textOfSample)
  }

  /// What `block` makes of some samples, in their order.
  ///
  /// - Parameters:
  ///   - block: the one that the stream stands before.
  ///   - indices: of the samples.
  ///   - tape: records it.
  /// - Returns: [indices.count * tokens][D].
  func output(of block: TapedPixArtBlock, for indices: [Int], on tape: Tape) -> Variable {
    let x = Matrix(stacking: indices.map { hidden[$0] })
    let vectors = Matrix(rows: indices.count, columns: modulation.columns)
    for (place, index) in indices.enumerated() {
      vectors.row(place).update(from: modulation.row(index), count: modulation.columns)
    }
    return block(Variable(x), modulation: Variable(vectors), text: text(indices), on: tape)
  }

  /// The prompts of some samples, padded to one length and masked.
  private func text(_ indices: [Int]) -> TapedText {
    let own = indices.map { texts[textOfSample[$0]] }
    let length = own.map(\.rows).max() ?? 0
    let states = Matrix(
      rows: own.count * length, columns: own.first?.columns ?? 0, zeroed: true)
    let bias = Matrix(rows: own.count, columns: length)
    for (place, text) in own.enumerated() {
      states.row(place * length).update(from: text.pointer, count: text.count)
      for token in 0..<length { bias.row(place)[token] = token < text.rows ? 0 : -10000 }
    }
    return TapedText(states: Variable(states), bias: bias)
  }

  /// What a layer of `block` reads of the samples, a few of them at a time, each in the order of the samples.
  ///
  /// - Parameters:
  ///   - block: the one that the stream stands before.
  ///   - inputs: which the block was made with; names the layer.
  ///   - first: the first sample of those that run together.
  /// - Returns: [samples * tokens][inputs]; nil after the last sample.
  func input(of block: TapedPixArtBlock, to inputs: TapedInputs, first: Int) -> Matrix? {
    guard first < hidden.count else { return nil }
    let indices = Array(first..<min(hidden.count, first + SampleStream.batch))
    _ = output(of: block, for: indices, on: Tape())
    return inputs.value
  }

  /// Calls `body` with what `block` makes of each sample, [tokens][D].
  func forEachOutput(of block: TapedPixArtBlock, _ body: (_ index: Int, _ output: Matrix) -> Void) {
    for first in stride(from: 0, to: hidden.count, by: SampleStream.batch) {
      let indices = Array(first..<min(hidden.count, first + SampleStream.batch))
      let y = output(of: block, for: indices, on: Tape()).value
      for (place, index) in indices.enumerated() { body(index, y.sample(place, of: indices.count)) }
    }
  }

  /// What `block` makes of all samples.
  func outputs(of block: TapedPixArtBlock) -> [Matrix] {
    var outputs: [Matrix] = []
    forEachOutput(of: block) { outputs.append($1) }
    return outputs
  }

  /// Passes all samples through `block`, without holding both sides of it.
  package func advance(through block: TapedPixArtBlock) {
    forEachOutput(of: block) { hidden[$0] = $1 }
  }
}

extension Matrix {
  /// The rows of all `parts`, one part's after another's.
  fileprivate convenience init(stacking parts: [Matrix]) {
    self.init(rows: parts.reduce(0) { $0 + $1.rows }, columns: parts.first?.columns ?? 0)
    var row = 0
    for part in parts {
      self.row(row).update(from: part.pointer, count: part.count)
      row += part.rows
    }
  }

  /// A copy of the rows of sample `index` of `batch`.
  fileprivate func sample(_ index: Int, of batch: Int) -> Matrix {
    let copy = Matrix(rows: rows / batch, columns: columns)
    copy.pointer.update(from: row(index * copy.rows), count: copy.count)
    return copy
  }
}
