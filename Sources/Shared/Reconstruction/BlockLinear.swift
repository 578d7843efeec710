import Formats
import Gradients
import Layers
import Platform
import Rounding
import Tensors

/// A quantized linear of a block on the tape, in the channels of its prepared input.
///
/// y = V x' + bias. With bias correction the bias follows the weight, b + W c + (W' - V) mu with
/// the mean mu of x' in the statistics, so that what is chosen for V is only judged by what the
/// correction leaves.
package final class BlockLinear {
  package let task: RoundingTask
  /// V [outputs][inputs], to be written to by whoever learns it.
  package var weight: Matrix { variable.value }
  /// [outputs], added to the bias beyond what follows from V; learned, 0 to begin with.
  package let shift: Matrix
  private let variable: Variable
  private let bias: Variable
  /// b [outputs], the float layer's.
  private let original: [Float]
  /// b + W c [outputs].
  private let constant: [Double]
  /// The mean of x', if the bias follows.
  private let mean: [Double]?

  private static let rowChunk = 64

  /// Puts W' in place of the float weight of `layer`.
  init(_ layer: TapedLinear, task: RoundingTask) {
    guard let bias = layer.bias else { preconditionFailure("\(layer.name) has no bias") }
    self.task = task
    (variable, self.bias) = (layer.weight, bias)
    let problem = task.problem
    let w = problem.weight
    layer.weight.value.pointer.update(from: w.pointer, count: w.count)
    shift = Matrix(rows: 1, columns: w.rows, zeroed: true)
    original = bias.value.values
    constant = zip(original, problem.constant).map { Double($0) + $1 }
    mean = problem.objective.options.biasCorrection ? problem.objective.mean : nil
    updateBias()
  }

  /// Writes the values of `levels`.
  func set(_ levels: Levels) {
    Parallel.chunks(of: weight.rows, size: BlockLinear.rowChunk) { rows in
      levels.copyValues(rows, to: weight.row(rows.lowerBound))
    }
    updateBias()
  }

  /// Takes weight and bias as they are stored.
  func set(_ rounded: RoundedLayer) {
    let values = rounded.values()
    weight.pointer.update(from: values.pointer, count: values.count)
    for (row, correction) in rounded.biasCorrection.enumerated() {
      bias.value.pointer[row] = original[row] + correction
    }
  }

  /// Lets the bias follow the weight and the shift.
  package func updateBias() {
    let target = task.problem.weight
    Parallel.chunks(of: weight.rows, size: BlockLinear.rowChunk) { rows in
      for row in rows {
        var lost = 0.0
        if let mean {
          let (v, w) = (weight.row(row), target.row(row))
          for k in 0..<weight.columns { lost += Double(v[k] - w[k]) * mean[k] }
        }
        bias.value.pointer[row] = Float(constant[row] - lost + Double(shift.pointer[row]))
      }
    }
  }

  /// The gradients of the loss that were gathered, by V [outputs][inputs] with all that follows
  /// from it, and by the shift [1][outputs].
  package func takeGradients() -> (weight: Matrix, shift: Matrix) {
    guard let dv = variable.gradient?.take(), let db = bias.gradient?.take() else {
      preconditionFailure("\(task.layer) has no gradient")
    }
    if let mean {
      // db/dV = -mu.
      Parallel.chunks(of: dv.rows, size: BlockLinear.rowChunk) { rows in
        for row in rows {
          let (g, slope) = (dv.row(row), db.pointer[row])
          for k in 0..<dv.columns { g[k] -= slope * Float(mean[k]) }
        }
      }
    }
    return (dv, db)
  }
}
