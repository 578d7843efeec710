import CKernels
import Foundation
import Kernels
import Tensors
import TestSupport
import Testing

/// The rotation, centring and balancing of inputs.
@Suite struct InputTransformTests {
  /// Sylvester's matrix over the root of its size: entry (i, j) is -1 to the number of common ones
  /// of i and j.
  @Test(arguments: [1, 2, 8, 16, 32, 128, 512])
  func `Hadamard is Sylvester's`(block: Int) throws {
    var random = Generator(block)
    let x = random.floats(3 * block)
    var results: [[Float]] = []
    for (name, tier) in tiers {
      var y = x
      try #require(fpq_kernels_of_tier(tier)).pointee.hadamard(y.count, block, &y)
      results.append(y)
      #expect(bits(y) == bits(results[0]), "\(name)")
    }
    for part in 0..<3 {
      for i in 0..<block {
        let expected = (0..<block).reduce(0.0) {
          $0 + ((i & $1).nonzeroBitCount % 2 == 0 ? 1 : -1) * Double(x[part * block + $1])
        }
        let found = Double(results[0][part * block + i])
        // log2(block) additions and a product, each off by 2^-24 of sums of at most `block` values
        // of 1.
        let bound = (log2(Double(block)) + 2) * 0x1p-24 * Double(block).squareRoot()
        #expect(abs(found - expected / Double(block).squareRoot()) <= bound)
      }
    }
  }

  /// W x = W center + W' x', whatever is combined.
  @Test(arguments: [false, true], [1, 64])
  func `folding keeps the product`(isBalanced: Bool, hadamard: Int) {
    var random = Generator(5)
    let (tokens, inputs, outputs) = (7, 192, 5)
    let x = Matrix(rows: tokens, columns: inputs, values: random.floats(tokens * inputs, range: 3))
    let weight = Matrix(rows: outputs, columns: inputs, values: random.floats(outputs * inputs))
    let center = random.floats(inputs, range: 2)
    let smooth = isBalanced ? random.floats(inputs).map { 0.1 + abs($0) } : nil
    let transform = InputTransform(center: center, smooth: smooth, hadamard: hadamard)
    let turned = transform(x)
    let folded = transform.weight(weight)
    for t in 0..<tokens {
      for n in 0..<outputs {
        var (plain, other) = (0.0, 0.0)
        for k in 0..<inputs {
          plain += Double(x.row(t)[k]) * Double(weight.row(n)[k])
          other += Double(center[k]) * Double(weight.row(n)[k])
          other += Double(turned.row(t)[k]) * Double(folded.row(n)[k])
        }
        // Some ten f32 roundings of numbers up to 50 (5 / .1) times weights up to 1.1, adding up at
        // random over 192 channels.
        #expect(abs(plain - other) < 10 * 50 * 0x1p-24 * 192.0.squareRoot() * 4)
      }
    }
  }
}
