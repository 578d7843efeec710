import Calibration
import Layers
import Platform
import Streams
import Tensors
import TestSupport
import Testing

/// What rows of an input enter the statistics, and what must have been seen.
struct StatisticsCollectorTests {
  private static let text = LayerRole("text", kind: .embedding, rows: .text)
  private static let shape = LayerRole("shape", kind: .conditioning, rows: .samples)

  /// Row r of [rows][2] is (r, 1).
  private func input(_ rows: Int) -> Matrix {
    Matrix(rows: rows, columns: 2, values: (0..<rows).flatMap { [Float($0), 1] })
  }

  private func collector(tokensPerSample: Int = 256) -> StatisticsCollector {
    StatisticsCollector(tokensPerSample: tokensPerSample, steps: 1, resumed: [])
  }

  /// Conditions that both halves of guidance share are one row: it counts as a sample of its own.
  @Test func `one row for two samples is counted`() throws {
    let collector = collector()
    let direct = Direct(samples: 2, observer: collector)
    let layer = try Linear(
      Self.shape, inputs: 2, outputs: 1,
      from: MemorySource(
        tensors: [
          Tensor(name: "shape.weight", dtype: .f32, shape: [1, 2], values: [Float(1), 1]),
          Tensor(name: "shape.bias", dtype: .f32, shape: [1], values: [Float(0)]),
        ]))
    _ = direct.project(layer, input(1))
    collector.finishPrompt()
    #expect(collector.statistics.map(\.count) == [1])
    #expect(collector.statistics[0].gram == [0, 0, 1])
  }

  /// Of 2 samples of 3 tokens, padding left out: rows 0, 1 and 3 of (r, 1).
  @Test func `padding is left out and sums are those of the other rows`() {
    let collector = collector()
    collector.observe(
      [Self.text], input: input(6), samples: 2, valid: [true, true, false, true, false, false])
    collector.finishPrompt()
    let statistics = collector.statistics[0]
    #expect(statistics.count == 3)
    #expect(statistics.sum == [4, 3])
    // The upper triangle of [10 4; 4 3].
    #expect(statistics.gram == [10, 4, 3])
    #expect(statistics.absmax == [3, 1])
  }

  @Test func `at most so many tokens of each sample enter`() {
    let collector = collector(tokensPerSample: 4)
    collector.observe([Self.text], input: input(20), samples: 2, valid: nil)
    collector.finishPrompt()
    let statistics = collector.statistics[0]
    #expect(statistics.count == 8 && statistics.sum[1] == 8)
  }

  @Test func `layers that saw nothing are named`() throws {
    let roles = LayerRoles([Self.text, Self.shape])
    let collector = collector()
    collector.observe([Self.text], input: input(2), samples: 1, valid: nil)
    collector.finishPrompt()
    #expect(throws: Failure("model: shape", "expected inputs to sum up, saw none")) {
      try collector.check(roles, place: "model")
    }
    collector.observe([Self.shape], input: input(1), samples: 1, valid: [false])
    collector.finishPrompt()
    #expect(throws: Failure("model: shape", "expected inputs to sum up, saw none")) {
      try collector.check(roles, place: "model")
    }
    collector.observe([Self.shape], input: input(1), samples: 1, valid: nil)
    collector.finishPrompt()
    try collector.check(roles, place: "model")
  }
}
