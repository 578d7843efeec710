import CKernels
import Testing

/// The low-bit products of every tier against the definition, bit for bit.
@Suite struct LowBitProductTests {
  static let weightFormats = ["e2m1", "e1m2", "e3m0", "int4"]
  static let lengths = [
    1, 2, 3, 5, 7, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1023,
  ]

  @Test(arguments: lengths)
  func everyLengthTierFormatAndGranularity(inputs: Int) throws {
    var random = Generator(inputs)
    for format in Self.weightFormats {
      for group in [32, 100, 128] {
        let outputs = [1, 5, 16, 33, 70][random.below(5)]
        let tokens = [1, 3, 4, 13, 30][random.below(5)]
        let weight = try WeightCase(
          format, outputs: outputs, inputs: inputs, group: min(group, inputs), seed: inputs)
        let bias: [Float]? =
          random.below(3) == 0 ? nil : (0..<outputs).map { _ in random.signed() }
        for (words, perGroup) in [(false, false), (false, true), (true, false), (true, true)] {
          let x = TokenCase(
            tokens: tokens, weight: weight, maxCode: words ? 1984 : 127, perGroup: perGroup,
            seed: group)
          let expected = bits(x.product(weight, bias: bias))
          for (name, tier) in tiers {
            let y = bits(
              x.product(tier, weight, words: words, bias: bias, shift: random.below(4)))
            #expect(
              y == expected,
              "\(name) \(format) K \(inputs) group \(group) \(tokens)x\(outputs) words \(words)")
          }
        }
      }
    }
  }
}
