import Formats
import Kernels
import Platform
import Streams
import Tensors

/// Adds what a site sees to its statistics.
///
/// Sums are kept in f64 and every contribution is first rounded to a multiple of 2^-20: up to 2^33
/// all sums are then exact, and a merge of shards gives the very bytes of one run, in whatever
/// order.
package final class SiteAccumulator {
  package private(set) var statistics: SiteStatistics
  /// Rows that have not entered the sums yet, [rows][K], and their steps.
  private var pending: [Float] = []
  private var pendingSteps: [Int?] = []

  /// Goes on from `statistics`.
  package init(_ statistics: SiteStatistics) { self.statistics = statistics }

  /// Adds the rows `selected` of `input` [rows][K], seen at sampler step `step` of `steps` (nil:
  /// once per prompt).
  ///
  /// Rows are gathered and enter the sums some hundred at a time; call `flush` at the end of each
  /// prompt.
  package func add(_ input: Matrix, selected: [Int], step: Int?, steps: Int) {
    if step != nil, statistics.stepAbsmax.isEmpty {
      statistics.stepAbsmax = Array(repeating: 0, count: steps)
    }
    for row in selected {
      pending.append(
        contentsOf: UnsafeBufferPointer(start: input.row(row), count: statistics.channels))
      pendingSteps.append(step)
    }
    if pendingSteps.count >= 512 { flush() }
  }

  /// Lets the gathered rows enter the sums.
  package func flush() {
    let tokens = pendingSteps.count
    guard tokens > 0 else { return }
    let channels = statistics.channels
    // [K][tokens], so that both sides of the product are read along tokens.
    let transposed = Matrix(rows: channels, columns: tokens)
    let chunk = 64
    var chunkSums = [Double](repeating: 0, count: channels)
    var chunkTops = [Float](repeating: 0, count: channels)
    // The largest value of each step within each chunk of channels.
    let width = max(1, statistics.stepAbsmax.count)
    var stepTops = [Float](repeating: 0, count: (channels + chunk - 1) / chunk * width)
    pending.withUnsafeBufferPointer { rows in
      chunkSums.withUnsafeMutableBufferPointer { sums in
        chunkTops.withUnsafeMutableBufferPointer { tops in
          stepTops.withUnsafeMutableBufferPointer { stepTops in
            Parallel.chunks(of: channels, size: chunk) { range in
              // Along the channels of a token: reads are contiguous, and the writes' lines stay in
              // the cache.
              for t in 0..<tokens {
                var top: Float = 0
                for k in range {
                  let value = rows[t * channels + k]
                  transposed.pointer[k * tokens + t] = value
                  sums[k] += Double(value)
                  let magnitude = abs(value)
                  if magnitude > tops[k] { tops[k] = magnitude }
                  if magnitude > top { top = magnitude }
                }
                if let step = pendingSteps[t] {
                  let place = range.lowerBound / chunk * width + step
                  stepTops[place] = max(stepTops[place], top)
                }
              }
            }
          }
        }
      }
    }
    for k in 0..<channels {
      statistics.sum[k] += Self.quantized(chunkSums[k])
      statistics.absmax[k] = max(statistics.absmax[k], chunkTops[k])
    }
    for (place, top) in stepTops.enumerated() where !statistics.stepAbsmax.isEmpty {
      let step = place % width
      statistics.stepAbsmax[step] = max(statistics.stepAbsmax[step], top)
    }
    pending.withUnsafeBufferPointer {
      statistics.histogram?.add($0.baseAddress!, count: $0.count)
    }
    addMoments(transposed)
    statistics.count += tokens
    pending = []
    pendingSteps = []
  }

  /// Adds x x^T of the columns of `transposed` [K][tokens] to the triangle, in fixed blocks of
  /// rows.
  private func addMoments(_ transposed: Matrix) {
    let channels = transposed.rows
    statistics.gram.withUnsafeMutableBufferPointer { gram in
      let target = gram.baseAddress!
      Parallel.chunks(of: channels, size: 64) { rows in
        let width = channels - rows.lowerBound
        let block = Matrix(rows: rows.count, columns: width)
        multiply(
          transposeB: true, transposed.block(rows: rows),
          transposed.block(rows: rows.lowerBound..<channels), into: block.block())
        for row in rows {
          let source = block.row(row - rows.lowerBound)
          let line = target + SiteStatistics.start(row, of: channels)
          for column in row..<channels {
            line[column] += Self.quantized(Double(source[column - rows.lowerBound]))
          }
        }
      }
    }
  }

  /// `value` rounded to a multiple of 2^-20: adding 1.5 * 2^32 leaves no finer bits.
  private static func quantized(_ value: Double) -> Double { (value + 0x1.8p32) - 0x1.8p32 }
}
