import Formats
import Kernels
import Platform
import Rounding
import Tensors

/// Tunes the scales and biases of a block's rounded linears, and their codes if wanted, by Adam on
/// the block's loss (ours).
///
/// Rates fall to 0 in a line. Scales end in the type they are stored in. The result is taken only
/// if it costs less than the start on samples that were held back.
struct BlockTuning {
  let unit: BlockUnit
  let options: TuningOptions
  let batchSize: Int
  var listener: RoundingTrace.Listener?

  private static let rowChunk = 64

  private struct Chunk {
    let linear: Int
    let tuned: TunedRows
  }

  /// One linear's bias.
  private struct Bias {
    /// The root of the mean square that rounding adds to each output [outputs].
    let unit: [Float]
    /// The shift in those units.
    let variable: Matrix
    let adam: Adam
  }

  /// What is chosen for one linear.
  struct Result {
    let choice: LevelChoice
    /// What is added to the bias [outputs].
    let shift: [Float]
  }

  /// - Parameters:
  ///   - choices: each linear's, by descent of each by itself.
  ///   - didIterate: called after each iteration.
  /// - Returns: what is chosen for each linear; the start if it judged better.
  /// - Throws: `Failure` for a block whose loss is not finite.
  func run(from choices: [LevelChoice], didIterate: () -> Void) throws -> [Result] {
    let (training, heldBack) = (unit.split.training, unit.split.heldBack)
    let start = choices.map(\.levels)
    let cost = try unit.finiteLoss(of: start, over: training)
    let before = unit.loss(over: heldBack)
    let kept = choices.map {
      Result(choice: $0, shift: [Float](repeating: 0, count: $0.levels.matrix.rows))
    }
    // What is exact has nothing to learn.
    guard cost > 0 else { return kept }
    // So that no gradient is as small as what Adam adds to its denominator.
    let factor = Double(unit.weights) / cost
    let chunks = start.enumerated().flatMap { index, levels in
      stride(from: 0, to: levels.matrix.rows, by: BlockTuning.rowChunk).map { first in
        let rows = first..<min(levels.matrix.rows, first + BlockTuning.rowChunk)
        return Chunk(
          linear: index, tuned: TunedRows(levels, rows: rows, tunesCodes: options.tunesCodes))
      }
    }
    let biases = zip(unit.linears, choices).map { linear, choice -> Bias in
      let losses = linear.task.problem.rowLosses(of: choice)
      return Bias(
        unit: losses.map { Float(max(0, $0).squareRoot()) },
        variable: Matrix(rows: 1, columns: losses.count, zeroed: true),
        adam: Adam(count: losses.count))
    }
    let trace = BlockTrace(unit, scales: start.map(\.scales), listener)
    func record(_ iteration: Int) {
      guard
        let point = trace?.point(
          iteration, of: options.iterations, hard: { hardened(chunks, start) },
          setSoft: { setWeights(chunks) })
      else { return }
      listener?(point)
    }
    var random = SplitMix64(state: 1)
    for iteration in 0..<options.iterations {
      record(iteration)
      setWeights(chunks)
      unit.differentiate(random.choose(batchSize, of: training), factor: factor)
      let left = 1 - Double(iteration) / Double(options.iterations)
      step(chunks, biases, left: left)
      didIterate()
    }
    record(options.iterations)
    let tuned = hardened(chunks, start)
    if unit.loss(of: tuned, over: heldBack) < before {
      return zip(tuned, unit.linears).map {
        Result(choice: LevelChoice($0), shift: $1.shift.values)
      }
    }
    for linear in unit.linears {
      linear.shift.pointer.update(repeating: 0, count: linear.shift.count)
    }
    return kept
  }

  private func setWeights(_ chunks: [Chunk]) {
    Parallel.forEach(chunks.count) { index in
      let (linear, tuned) = (unit.linears[chunks[index].linear], chunks[index].tuned)
      tuned.copyWeights(to: linear.weight.row(tuned.rows.lowerBound))
    }
    unit.linears.forEach { $0.updateBias() }
  }

  /// Moves all variables, `left` of their rates far.
  private func step(_ chunks: [Chunk], _ biases: [Bias], left: Double) {
    let gradients = unit.linears.map { $0.takeGradients() }
    Parallel.forEach(chunks.count) { index in
      let tuned = chunks[index].tuned
      tuned.step(
        gradients[chunks[index].linear].weight.block(rows: tuned.rows),
        scaleRate: Float(options.scaleRate * left), codeRate: Float(options.codeRate * left))
    }
    for (index, (linear, bias)) in zip(unit.linears, biases).enumerated()
    // Not where the user wants no correction.
    where linear.task.problem.objective.options.biasCorrection {
      let slope = gradients[index].shift
      for row in 0..<slope.count { slope.pointer[row] *= bias.unit[row] }
      bias.adam.step(bias.variable, slope.block(), rate: Float(options.biasRate * left))
      for row in 0..<slope.count {
        linear.shift.pointer[row] = bias.variable.pointer[row] * bias.unit[row]
      }
    }
  }

  private func hardened(_ chunks: [Chunk], _ start: [Levels]) -> [Levels] {
    start.enumerated().map { index, levels in
      let matrix = Matrix(rows: levels.matrix.rows, columns: levels.matrix.columns)
      var (scales, groups) = (levels.scales, levels.scales.all)
      for chunk in chunks where chunk.linear == index { chunk.tuned.harden(into: &groups, matrix) }
      scales.all = groups
      return Levels(scales: scales, matrix: matrix)
    }
  }
}
