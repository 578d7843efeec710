import CKernels
import TestSupport
import Testing

/// The low-bit products of every tier against the definition, bit for bit.
@Suite struct LowBitProductTests {
  static let weightFormats = ["e2m1", "e1m2", "e3m0", "int4", "lloyd4", "e2m3"]
  static let lengths = [
    1, 2, 3, 5, 7, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1023,
  ]

  @Test func `which tiers are tested`() {
    #expect(tiers.contains { $0.name == "scalar" })
    print("tiers tested: \(tiers.map(\.name).joined(separator: ", "))")
  }

  @Test(arguments: lengths)
  func `every length tier format and granularity`(inputs: Int) throws {
    var random = Generator(inputs)
    for format in Self.weightFormats {
      for group in [32, 100, 128, 7] {
        let outputs = [1, 5, 16, 33, 64, 70, 129][random.below(7)]
        let tokens = [1, 3, 4, 11, 13, 24, 30][random.below(7)]
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

  /// Codes without a sign: bytes up to 255 that nothing was added to.
  @Test(arguments: [1, 7, 64, 130, 257])
  func `unsigned activations`(inputs: Int) throws {
    for format in Self.weightFormats {
      let weight = try WeightCase(
        format, outputs: 33, inputs: inputs, group: min(64, inputs), seed: inputs)
      for perGroup in [false, true] {
        let x = TokenCase(
          tokens: 9, weight: weight, maxCode: 255, perGroup: perGroup, seed: 3, isUnsigned: true)
        let expected = bits(x.product(weight, bias: nil))
        for (name, tier) in tiers {
          #expect(
            bits(x.product(tier, weight, words: false, bias: nil)) == expected, "\(name) \(format)")
        }
      }
    }
  }

  /// More inputs than a panel holds, so that sums wait in y between panels.
  @Test(arguments: [(true, 4357), (false, 8357)])
  func `several panels`(words: Bool, inputs: Int) throws {
    let weight = try WeightCase("e2m1", outputs: 70, inputs: inputs, group: 128, seed: 1)
    for perGroup in [false, true] {
      let x = TokenCase(
        tokens: 8, weight: weight, maxCode: words ? 1984 : 127, perGroup: perGroup, seed: 2)
      let bias = [Float](repeating: 0.3, count: 70)
      let expected = bits(x.product(weight, bias: bias))
      for (name, tier) in tiers {
        #expect(bits(x.product(tier, weight, words: words, bias: bias)) == expected, "\(name)")
      }
    }
  }

  @Test func `blocks of any size give the same`() throws {
    let weight = try WeightCase("int4", outputs: 150, inputs: 300, group: 100, seed: 3)
    let x = TokenCase(tokens: 41, weight: weight, maxCode: 127, perGroup: true, seed: 4)
    let expected = bits(x.product(weight, bias: nil))
    for (name, tier) in tiers {
      for block in [(1, 150), (7, 64), (41, 17), (20, 1)] {
        let y = x.product(tier, weight, words: false, bias: nil, block: block)
        #expect(bits(y) == expected, "\(name) \(block)")
      }
    }
  }

  /// The largest integers over the longest group, where a dot is nearest to overflowing.
  @Test(arguments: weightFormats)
  func `extreme codes do not overflow`(format: String) throws {
    let weight = try WeightCase(
      format, outputs: 3, inputs: Int(FPQ_LONGEST_GROUP), group: Int(FPQ_LONGEST_GROUP), seed: 5,
      extreme: true)
    for words in [false, true] {
      for sign in [-1, 1] {
        var x = TokenCase(
          tokens: 7, weight: weight, maxCode: words ? 1984 : 127, perGroup: true, seed: 6,
          extreme: true)
        x.integers = x.integers.map { $0 * sign }
        let expected = bits(x.product(weight, bias: nil))
        for (name, tier) in tiers {
          #expect(bits(x.product(tier, weight, words: words, bias: nil)) == expected, "\(name)")
        }
      }
    }
  }

  /// Float activations: a fused multiply-add an input, in ascending order.
  @Test(arguments: lengths + [2051])
  func `float activations`(inputs: Int) throws {
    var random = Generator(inputs)
    for format in Self.weightFormats {
      let (outputs, tokens) = ([1, 16, 65, 70][random.below(4)], [1, 5, 13][random.below(3)])
      let weight = try WeightCase(
        format, outputs: outputs, inputs: inputs, group: min(inputs, [32, 100][random.below(2)]),
        seed: inputs)
      let x = (0..<(tokens * inputs)).map { _ in random.signed() }
      let bias: [Float]? = random.below(2) == 0 ? nil : (0..<outputs).map { _ in random.signed() }
      var expected: [Float] = []
      for t in 0..<tokens {
        for n in 0..<outputs {
          var sum: Float = 0
          for k in 0..<inputs {
            let value = Float(weight.integer(n, k)) * weight.scale(n, k / weight.group)
            sum.addProduct(x[t * inputs + k], value)
          }
          sum *= weight.tensorScale
          expected.append(bias.map { sum + $0[n] } ?? sum)
        }
      }
      for (name, tier) in tiers {
        let table = try #require(fpq_kernels_of_tier(tier)).pointee
        var y = [Float](repeating: .nan, count: tokens * outputs)
        let all = fpq_block(token: 0, tokens: tokens, output: 0, outputs: outputs)
        weight.withPacked(shift: 1) { packed in
          (bias ?? []).withUnsafeBufferPointer {
            table.multiply_f32(&packed, x, all, bias == nil ? nil : $0.baseAddress, &y)
          }
        }
        #expect(bits(y) == bits(expected), "\(name) \(format) K \(inputs) \(tokens)x\(outputs)")
      }
    }
  }
}
