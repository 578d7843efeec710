import Formats
import Gradients
import Kernels
import Models
import Platform
import Rounding
import Tensors

/// A transformer block whose quantized linears are being chosen together: the loss is the mean
/// squared difference of its output from the float block's, over elements, tokens and samples
/// alike.
package final class BlockUnit {
  package let name: String
  /// The quantized linears.
  package let linears: [BlockLinear]
  package let split: SampleSplit
  private let original: any TransformerBlock
  private let block: TapedBlock
  private let inputs: SampleStream
  /// Of each sample [tokens][D].
  private let targets: [Matrix]

  /// Samples of an evaluation that run together.
  private static let batch = 16

  /// Puts the weights of `tasks` into a copy of `block`.
  ///
  /// - Parameters:
  ///   - block: the float block.
  ///   - tasks: its layers that are quantized.
  ///   - activations: what the inputs of these are rounded to while they are learned; nil: not at
  ///     all.
  ///   - inputs: the samples as they stand before the block; not passed through it.
  ///   - targets: what the float model's block gives, of each sample [tokens][D].
  ///   - split: which samples are learned from.
  /// - Throws: `Failure` for a packed layer, a layer that the block does not have, or a format that
  ///   inputs are not rounded to.
  package init(
    _ block: any TransformerBlock, tasks: [RoundingTask], activations: ActivationFormat?,
    inputs: SampleStream, targets: [Matrix], split: SampleSplit
  ) throws {
    let byLayer = Dictionary(uniqueKeysWithValues: tasks.map { ($0.layer, $0) })
    let preparations = try byLayer.mapValues { try $0.preparation(activations) }
    let learned = Set(byLayer.keys.flatMap { ["\($0).weight", "\($0).bias"] })
    name = block.name
    original = block
    self.block = try TapedBlock(
      block,
      options: TapedOptions(
        wantsGradient: learned.contains, preparation: { preparations[$0] }))
    linears = self.block.parameters.linears.compactMap { layer in
      byLayer[layer.name].map { BlockLinear(layer, task: $0) }
    }
    let found = Set(linears.map(\.task.layer))
    if let missing = byLayer.keys.sorted().first(where: { !found.contains($0) }) {
      throw Failure(block.name, "expected a layer \(missing), found none")
    }
    (self.inputs, self.targets, self.split) = (inputs, targets, split)
  }

  /// Weights of all the quantized linears.
  var weights: Int { linears.reduce(0) { $0 + $1.weight.count } }

  /// Sets the weights to the values of `levels`, one a linear.
  func set(_ levels: [Levels]) {
    for (linear, levels) in zip(linears, levels) { linear.set(levels) }
  }

  /// What the block loses with `layers`, one a linear, as they are stored; its weights are left so.
  package func loss(of layers: [RoundedLayer]) -> RoundedBlock.Loss {
    for (linear, layer) in zip(linears, layers) { linear.set(layer) }
    return loss()
  }

  /// The loss with the weights as they are.
  package func loss() -> RoundedBlock.Loss {
    RoundedBlock.Loss(training: loss(over: split.training), heldBack: loss(over: split.heldBack))
  }

  /// The loss over some samples, with the weights as they are.
  package func loss(over indices: [Int]) -> Double {
    precondition(!indices.isEmpty, "\(name) has no samples")
    var (sum, count) = (0.0, 0)
    for first in stride(from: 0, to: indices.count, by: BlockUnit.batch) {
      let part = Array(indices[first..<min(indices.count, first + BlockUnit.batch)])
      let y = inputs.output(of: block, for: part, on: Tape()).value
      sum += subtractTargets(from: y, of: part)
      count += y.count
    }
    return sum / Double(count)
  }

  /// The loss of `levels` over some samples.
  func loss(of levels: [Levels], over indices: [Int]) -> Double {
    set(levels)
    return loss(over: indices)
  }

  /// The loss of `levels` over some samples.
  ///
  /// - Throws: `Failure` naming the block for one that is not finite: no choice could be told from
  ///   another.
  func finiteLoss(of levels: [Levels], over indices: [Int]) throws -> Double {
    let loss = loss(of: levels, over: indices)
    guard loss.isFinite else { throw Failure(name, "expected a finite loss, found \(loss)") }
    return loss
  }

  /// Adds the gradients of `factor` times the loss over some samples to the linears' own.
  ///
  /// - Returns: the loss.
  @discardableResult
  package func differentiate(_ indices: [Int], factor: Double) -> Double {
    let tape = Tape()
    let y = inputs.output(of: block, for: indices, on: tape)
    let error = Matrix(rows: y.value.rows, columns: y.value.columns)
    error.pointer.update(from: y.value.pointer, count: error.count)
    let sum = subtractTargets(from: error, of: indices)
    let scale = Float(2 * factor / Double(error.count))
    for i in 0..<error.count { error.pointer[i] *= scale }
    tape.backward(from: y, gradient: error)
    return sum / Double(error.count)
  }

  /// Replaces y [indices.count * tokens][D] by its difference from the targets and returns the sum
  /// of its squares.
  private func subtractTargets(from y: Matrix, of indices: [Int]) -> Double {
    var sums = [Double](repeating: 0, count: indices.count)
    sums.withUnsafeMutableBufferPointer { buffer in
      nonisolated(unsafe) let sums = buffer
      Parallel.forEach(indices.count) { place in
        let target = targets[indices[place]]
        let error = y.pointer + place * target.count
        var sum = 0.0
        for i in 0..<target.count {
          error[i] -= target.pointer[i]
          sum += Double(error[i]) * Double(error[i])
        }
        sums[place] = sum
      }
    }
    return sums.reduce(0, +)
  }

  /// Passes `stream`, of which the float block made `outputs`.
  func pass(_ stream: SampleStream, outputs: [Matrix]) { stream.pass(original, outputs: outputs) }

  /// Passes `stream` through the block as its weights now are, without rounding the inputs of its
  /// layers.
  ///
  /// - Throws: `Failure` for a packed layer.
  func advance(_ stream: SampleStream) throws {
    let unrounded = try TapedBlock(
      original,
      options: TapedOptions(
        preparation: { layer in
          self.block.parameters.linears.first { $0.name == layer }?.preparation?.unrounded
        }))
    for (copy, layer) in zip(unrounded.parameters.linears, block.parameters.linears) {
      copy.weight.value.pointer.update(
        from: layer.weight.value.pointer, count: copy.weight.value.count)
      if let bias = layer.bias?.value {
        copy.bias?.value.pointer.update(from: bias.pointer, count: bias.count)
      }
    }
    stream.advance(through: unrounded)
  }
}
