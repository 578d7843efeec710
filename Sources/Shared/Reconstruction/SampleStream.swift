import Gradients
import Kernels
import Layers
import Models
import Tensors

/// The calibration samples on their way through the blocks of one network: the float one, or one
/// with a rounded prefix.
///
/// Held for one block at a time: tokens * D floats a sample for what the block reads, and as much
/// for what it should give; and for each block whose output a later one reads, until it has.
package final class SampleStream {
  /// Of each sample [tokens][D], what the next block reads.
  package private(set) var hidden: [Matrix]
  /// By the name of the block that gave them, what blocks to come read beside `hidden`.
  private var kept: [String: [Matrix]] = [:]
  /// The names of all blocks that are somebody's `skipSource`.
  private let skipSources: Set<String>
  /// [samples][columns], what the timestep tells every block.
  private let conditioning: Matrix
  /// Of the tokens; all samples have one size.
  private let positions: RotaryEmbedding?
  /// Of each distinct prompt [text tokens][channels].
  private let texts: [Matrix]
  /// Which of `texts` each sample reads.
  private let textOfSample: [Int]

  /// Samples that run through a block together when nothing is learned; the results' last bits may
  /// depend on it.
  static let batch = 16

  /// What `model` gives to its first block.
  package init(_ samples: CalibrationSamples, model: any DiffusionTransformer) {
    let all = samples.samples
    let projected = samples.texts.map { model.projectText([$0], observer: nil) }
    var hidden: [Matrix] = []
    var conditioning: [Matrix] = []
    var positions: RotaryEmbedding?
    for first in stride(from: 0, to: all.count, by: SampleStream.batch) {
      let part = all[first..<min(all.count, first + SampleStream.batch)]
      let inputs = model.blockInputs(
        Latents(stacking: part.map(\.latents)), timesteps: part.map(\.timestep),
        pooledText: projected[0].pooled.map { _ in
          Matrix(stacking: part.compactMap { projected[$0.text].pooled })
        },
        conditions: samples.conditions, on: Direct(samples: part.count))
      conditioning.append(inputs.conditioning)
      positions = inputs.positions
      for index in 0..<part.count { hidden.append(inputs.hidden.sample(index, of: part.count)) }
    }
    self.hidden = hidden
    self.conditioning = Matrix(stacking: conditioning)
    self.positions = positions
    texts = projected.map(\.states)
    textOfSample = all.map(\.text)
    skipSources = Set(model.blocks.compactMap(\.skipSource))
  }

  /// The same samples at the same block, to go another way.
  package init(_ other: SampleStream) {
    (hidden, kept, skipSources) = (other.hidden, other.kept, other.skipSources)
    (conditioning, positions) = (other.conditioning, other.positions)
    (texts, textOfSample) = (other.texts, other.textOfSample)
  }

  /// What `block` makes of some samples, in their order.
  ///
  /// - Parameters:
  ///   - block: the one that the stream stands before.
  ///   - indices: of the samples.
  ///   - tape: records it.
  /// - Returns: [indices.count * tokens][D].
  func output(of block: TapedBlock, for indices: [Int], on tape: Tape) -> Variable {
    precondition(!indices.isEmpty, "\(block.block.name) has no samples to run")
    let x = Matrix(stacking: indices.map { hidden[$0] })
    let vectors = Matrix(rows: indices.count, columns: conditioning.columns)
    for (place, index) in indices.enumerated() {
      vectors.row(place).update(from: conditioning.row(index), count: conditioning.columns)
    }
    let (text, bias) = text(indices)
    let skip = block.block.skipSource.map { source -> Variable in
      guard let kept = kept[source] else {
        preconditionFailure("\(block.block.name) before \(source)")
      }
      return Variable(Matrix(stacking: indices.map { kept[$0] }))
    }
    return block(
      Variable(x), conditioning: Variable(vectors), text: Variable(text), textBias: bias,
      positions: positions, skip: skip, on: tape)
  }

  /// The prompts of some samples, padded to one length: [samples * text tokens][channels], and what
  /// is added to the logits, [samples][text tokens], if they are of different lengths.
  private func text(_ indices: [Int]) -> (states: Matrix, bias: Matrix?) {
    let own = indices.map { texts[textOfSample[$0]] }
    let length = own.map(\.rows).max() ?? 0
    guard own.contains(where: { $0.rows < length }) else { return (Matrix(stacking: own), nil) }
    let states = Matrix(
      rows: own.count * length, columns: own.first?.columns ?? 0, zeroed: true)
    let bias = Matrix(rows: own.count, columns: length)
    for (place, text) in own.enumerated() {
      states.row(place * length).update(from: text.pointer, count: text.count)
      for token in 0..<length { bias.row(place)[token] = token < text.rows ? 0 : -10000 }
    }
    return (states, bias)
  }

  /// What `layer` of `block` reads of a few of the samples.
  ///
  /// - Parameters:
  ///   - layer: its name.
  ///   - block: the one that the stream stands before.
  ///   - first: the first sample of those that run together.
  /// - Returns: [samples * tokens][inputs], in the order of the samples; nil where the layer did
  ///   not run.
  func input(of layer: String, in block: TapedBlock, first: Int) -> Matrix? {
    let indices = Array(first..<min(hidden.count, first + SampleStream.batch))
    var input: Matrix?
    block.parameters.watch = { layers, x in
      if layers.contains(where: { $0.name == layer }) { input = x }
    }
    defer { block.parameters.watch = nil }
    _ = output(of: block, for: indices, on: Tape())
    return input
  }

  /// Calls `body` with what `block` makes of each sample, [tokens][D].
  func forEachOutput(of block: TapedBlock, _ body: (_ index: Int, _ output: Matrix) -> Void) {
    for first in stride(from: 0, to: hidden.count, by: SampleStream.batch) {
      let indices = Array(first..<min(hidden.count, first + SampleStream.batch))
      let y = output(of: block, for: indices, on: Tape()).value
      for (place, index) in indices.enumerated() { body(index, y.sample(place, of: indices.count)) }
    }
  }

  /// What `block` makes of all samples.
  func outputs(of block: TapedBlock) -> [Matrix] {
    var outputs: [Matrix] = []
    forEachOutput(of: block) { outputs.append($1) }
    return outputs
  }

  /// Passes all samples through `block`, without holding both sides of it.
  package func advance(through block: TapedBlock) {
    forEachOutput(of: block) { hidden[$0] = $1 }
    didPass(block.block)
  }

  /// Passes `block`, which made `outputs` of the samples.
  func pass(_ block: any TransformerBlock, outputs: [Matrix]) {
    hidden = outputs
    didPass(block)
  }

  private func didPass(_ block: any TransformerBlock) {
    if let source = block.skipSource { kept[source] = nil }
    if skipSources.contains(block.name) { kept[block.name] = hidden }
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

extension Latents {
  /// The samples of all `parts`, which have one shape.
  fileprivate init(stacking parts: [Latents]) {
    let shape = parts[0].shape
    self.init(
      samples: parts.count, channels: shape[0], height: shape[1], width: shape[2],
      values: parts.flatMap(\.values))
  }
}
