import Formats
import Kernels
import Platform
import Rounding
import Tensors

/// AdaRound of all quantized linears of a block at once, FP4DiT's unit: minimises the block's loss
/// plus the regulariser by Adam on the variables of all weights, then hardens.
struct BlockAdaRound {
  let unit: BlockUnit
  let options: AdaRoundOptions
  let batchSize: Int
  var listener: RoundingTrace.Listener?

  /// Rows of one linear that a thread works on.
  private struct Chunk {
    let linear: Int
    let rows: Range<Int>
    let soft: SoftRounding
    let rate: Float
  }

  private static let rowChunk = 64

  /// - Parameters:
  ///   - nearest: of each linear the levels nearest to its weights, for the scales that are kept.
  ///   - didIterate: called after each iteration.
  /// - Returns: the levels of each linear; the nearest ones unless the others cost less on the
  ///   samples that were held back.
  /// - Throws: `Failure` for a block whose loss is not finite.
  func run(from nearest: [Levels], didIterate: () -> Void) throws -> [Levels] {
    let (training, heldBack) = (unit.split.training, unit.split.heldBack)
    // Nearest rounding costs 1 a weight, whatever the numbers of tokens and samples: the
    // regulariser's unit, as for a layer.
    let cost = try unit.finiteLoss(of: nearest, over: training)
    // What is exact has nothing to learn.
    guard cost > 0 else { return nearest }
    let factor = Double(unit.weights) / cost
    let chunks = chunks(nearest.map(\.scales))
    let trace = BlockTrace(unit, scales: nearest.map(\.scales), listener)
    func point(_ iteration: Int) -> RoundingTrace.Point? {
      trace?.point(
        iteration, of: options.iterations, hard: { hardened(chunks, nearest) },
        setSoft: { setSoftWeights(chunks) })
    }
    var random = SplitMix64(state: 1)
    for iteration in 0..<options.iterations {
      let beta = AdaRound.beta(iteration, of: options.iterations)
      var shown = point(iteration)
      setSoftWeights(chunks)
      unit.differentiate(random.choose(batchSize, of: training), factor: factor)
      let gradients = unit.linears.map { $0.takeGradients().weight }
      let sum = turn(
        chunks, gradients, regulariser: beta == nil ? 0 : options.regulariser, beta: beta ?? 2)
      if beta != nil {
        shown?.regulariser = sum / Double(unit.weights)
        shown?.beta = beta
      }
      if let shown { listener?(shown) }
      didIterate()
    }
    if let last = point(options.iterations) { listener?(last) }
    let learned = hardened(chunks, nearest)
    let isBetter = unit.loss(of: learned, over: heldBack) < unit.loss(of: nearest, over: heldBack)
    return isBetter ? learned : nearest
  }

  private func chunks(_ scales: [GroupScales]) -> [Chunk] {
    unit.linears.enumerated().flatMap { index, linear -> [Chunk] in
      let weight = linear.task.problem.weight
      let rate = Float(options.rate(for: weight, scales: scales[index]))
      return stride(from: 0, to: weight.rows, by: BlockAdaRound.rowChunk).map { first in
        let rows = first..<min(weight.rows, first + BlockAdaRound.rowChunk)
        return Chunk(
          linear: index, rows: rows,
          soft: SoftRounding(
            weight, rows: rows, scales: scales[index], isScaleAware: options.scaleAware),
          rate: rate)
      }
    }
  }

  private func setSoftWeights(_ chunks: [Chunk]) {
    Parallel.forEach(chunks.count) { index in
      let chunk = chunks[index]
      chunk.soft.softWeights(to: unit.linears[chunk.linear].weight.block(rows: chunk.rows))
    }
    unit.linears.forEach { $0.updateBias() }
  }

  /// Moves the variables and returns the sum of the regulariser.
  private func turn(
    _ chunks: [Chunk], _ gradients: [Matrix], regulariser: Double, beta: Double
  ) -> Double {
    var sums = [Double](repeating: 0, count: chunks.count)
    sums.withUnsafeMutableBufferPointer { buffer in
      nonisolated(unsafe) let sums = buffer
      Parallel.forEach(chunks.count) { index in
        let chunk = chunks[index]
        let gradient = gradients[chunk.linear].block(rows: chunk.rows)
        sums[index] = chunk.soft.turn(
          gradient, weights: Array(repeating: 1, count: chunk.rows.count),
          regulariser: Float(regulariser), beta: Float(beta))
        chunk.soft.adamStep(gradient, rate: chunk.rate)
      }
    }
    return sums.reduce(0, +)
  }

  /// What each weight would be rounded to now.
  private func hardened(_ chunks: [Chunk], _ nearest: [Levels]) -> [Levels] {
    let hard = nearest.map { $0.copy() }
    Parallel.forEach(chunks.count) { chunks[$0].soft.harden(to: hard[chunks[$0].linear].matrix) }
    return hard
  }
}
