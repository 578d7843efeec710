import Foundation

/// PyTorch's generator on the CPU (`torch.Generator().manual_seed(seed)`): the same seed draws the
/// same `torch.randn`, bit for bit.
///
/// MT19937 words; below 16 numbers the double-precision Box-Muller of `normal_distribution` with
/// its cached second value, from 16 on the blocks of `normal_fill`, in the arithmetic of the AVX2
/// kernel (see `TorchNormal`).
package final class TorchGenerator {
  private var state: [UInt32]
  private var next = TorchGenerator.words
  /// The sine half of the last pair that a short draw made; a long draw leaves it alone.
  private var cached: Double?

  private static let words = 624
  private static let block = 16

  /// Starts the stream of `seed`, of which PyTorch's MT19937 uses the low 32 bits.
  package init(seed: UInt64) {
    state = [UInt32(truncatingIfNeeded: seed)]
    state.reserveCapacity(TorchGenerator.words)
    for index in 1..<UInt32(TorchGenerator.words) {
      let last = state[Int(index) - 1]
      state.append(1_812_433_253 &* (last ^ (last >> 30)) &+ index)
    }
  }

  /// `torch.randn(count)` in f32.
  package func randn(_ count: Int) -> [Float] {
    if count < TorchGenerator.block { return scalars(count).map { Float($0) } }
    var values = (0..<count).map { _ in uniform() }
    for start in stride(from: 0, through: count - TorchGenerator.block, by: TorchGenerator.block) {
      transform(&values, start)
    }
    if count % TorchGenerator.block != 0 {
      // The last 16 are drawn again, over numbers that were finished.
      let start = count - TorchGenerator.block
      for index in start..<count { values[index] = uniform() }
      transform(&values, start)
    }
    return values
  }

  private func transform(_ values: inout [Float], _ start: Int) {
    for first in start..<(start + TorchGenerator.block / 2) {
      let second = first + TorchGenerator.block / 2
      let pair = TorchNormal.pair(values[first], values[second])
      values[first] = pair.cosine
      values[second] = pair.sine
    }
  }

  private func scalars(_ count: Int) -> [Double] {
    (0..<count).map { _ in
      if let value = cached {
        cached = nil
        return value
      }
      let (first, second) = (uniformDouble(), uniformDouble())
      let radius = (-2 * log1p(-second)).squareRoot()
      let angle = 2 * Double.pi * first
      cached = radius * sin(angle)
      return radius * cos(angle)
    }
  }

  private func uniform() -> Float { Float(word() & 0xFF_FFFF) * 0x1p-24 }

  private func uniformDouble() -> Double {
    let (high, low) = (word(), word())
    return Double((UInt64(high) << 32 | UInt64(low)) & (1 << 53 - 1)) * 0x1p-53
  }

  /// The next raw output of MT19937.
  package func word() -> UInt32 {
    if next == TorchGenerator.words { twist() }
    var word = state[next]
    next += 1
    word ^= word >> 11
    word ^= (word << 7) & 0x9D2C_5680
    word ^= (word << 15) & 0xEFC6_0000
    return word ^ (word >> 18)
  }

  private func twist() {
    let words = TorchGenerator.words
    for index in 0..<words {
      let mixed = (state[index] & 0x8000_0000) | (state[(index + 1) % words] & 0x7FFF_FFFF)
      let odd: UInt32 = mixed & 1 == 1 ? 0x9908_B0DF : 0
      state[index] = state[(index + 397) % words] ^ (mixed >> 1) ^ odd
    }
    next = 0
  }
}
