import Foundation
import Inspection
import RoundStage
import Rounding
import Streams
import Testing

/// The scaling law of arXiv 2501.02423 at values computed from its published constants by another
/// program.
struct ScalingLawTests {
  private func split(_ exponent: Int, _ mantissa: Int) -> FloatSplit {
    FloatSplit(exponentBits: exponent, mantissaBits: mantissa)
  }

  /// What the format adds to the loss of 1e9 parameters after 1e11 tokens, D^beta / N^alpha of them.
  @Test func `penalty of a billion parameters`() {
    let unit = pow(1e11, 0.5162) / pow(1e9, 0.2368)
    // Six decimals are given.
    #expect(abs(unit * ScalingLaw.penalty(split(2, 1), groupSize: 128) - 0.035238) < 5.1e-7)
    let penalty = { ScalingLaw.penalty(split(2, 1), groupSize: $0) }
    #expect(abs(penalty(128) / penalty(16) - 7.0 / 4) < 1e-12)
    // log2(1) is 0: a scale for each weight loses nothing.
    #expect(penalty(1) == 0)
  }

  @Test(arguments: [
    (3, 1, 1), (4, 2, 1), (5, 2, 2), (6, 3, 2), (7, 3, 3), (8, 4, 3), (9, 4, 4), (10, 5, 4),
    (16, 8, 7),
  ])
  func `best split`(bits: Int, exponent: Int, mantissa: Int) {
    #expect(ScalingLaw.ranked(bits: bits)[0] == split(exponent, mantissa))
  }

  @Test(arguments: [(4, 1.578, 1.422), (6, 2.616, 2.384), (8, 3.655, 3.345)])
  func `continuous optimum`(bits: Int, exponent: Double, mantissa: Double) {
    let optimum = ScalingLaw.optimum(bits: bits)
    #expect(abs(optimum.exponent - exponent) < 5.1e-4)
    #expect(abs(optimum.mantissa - mantissa) < 5.1e-4)
  }

  /// With the digits that are given of each.
  @Test(arguments: [
    (4, [("e2m1", 61.76), ("e1m2", 54.68), ("e3m0", 7.04)]),
    (5, [("e2m2", 279.32), ("e3m1", 180.81), ("e1m3", 147.75)]),
    (6, [("e3m2", 817.76), ("e2m3", 754.75), ("e4m1", 403.3)]),
    (8, [("e4m3", 4929.3), ("e3m4", 4642.8), ("e5m2", 3461.9), ("e2m5", 2868.9)]),
  ])
  func ranking(bits: Int, expected: [(String, Double)]) {
    for (mine, (name, merit)) in zip(ScalingLaw.ranked(bits: bits), expected) {
      #expect(mine.name == name)
      #expect(abs(ScalingLaw.merit(mine) - merit) < 0.051, "\(name)")
    }
  }
}

/// What is printed of it, and of the statistics.
struct AdviceTests {
  private static func query(_ block: String) -> LayerRole {
    LayerRole("\(block).attn1.to_q", kind: .query, block: block)
  }

  private let advice = Advice(
    bits: 4, groupSize: 16,
    layers: [
      .init(AdviceTests.query("transformer_blocks.0"), sqnr: ["e2m1": 20, "e1m2": 23, "e3m0": 10]),
      .init(
        AdviceTests.query("transformer_blocks.11"), sqnr: ["e2m1": 22, "e1m2": 21, "e3m0": 11]),
      .init(LayerRole("proj_out", kind: .output), sqnr: ["e2m1": 30, "e1m2": 30, "e3m0": 30]),
    ])

  @Test func `statistics stand beside the law`() {
    let lines = advice.formats.rendered(.tsv).split(separator: "\n").map {
      $0.split(separator: "\t").map(String.init)
    }
    #expect(
      lines[0] == [
        "format", "law_merit", "law_penalty", "law_relative", "sqnr_db", "best_of_layers",
      ])
    #expect(lines.dropFirst().map { $0[0] } == ["e2m1", "e1m2", "e3m0"])
    #expect(lines.dropFirst().map { $0[4] } == ["24.0", "24.666666666666668", "17.0"])
    // Of equals the law's favourite.
    #expect(lines.dropFirst().map { $0[5] } == ["2", "1", "0"])
  }

  @Test func `kinds are layers of one place in their blocks`() {
    #expect(
      advice.kinds.rendered(.tsv) == """
        layers\tcount\te2m1_db\te1m2_db\te3m0_db\tbest
        *.attn1.to_q\t2\t21.0\t22.0\t10.5\te1m2
        proj_out\t1\t30.0\t30.0\t30.0\te2m1

        """)
  }

  @Test func `group sizes cost their logarithm`() {
    #expect(
      advice.groupSizes.rendered(.aligned) == """
        group_size  law_relative
                16       0.57143
                32       0.71429
                64       0.85714
               128             1
               256        1.1429

        """)
  }

  @Test func `says what the law is not`() {
    let text = advice.rendered(.aligned)
    #expect(text.contains("law of training language models"))
    #expect(text.contains("the statistics of the model override it"))
    let without = Advice(bits: 8, groupSize: 128).rendered(.tsv)
    #expect(without.contains("override it") && !without.contains("sqnr_db"))
    #expect(without.contains("\ne4m3\t4929.3"))
  }
}
