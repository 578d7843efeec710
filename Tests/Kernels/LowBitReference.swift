import CKernels
import Formats
import Foundation
import Tensors
import TestSupport
import Testing

/// The tiers this processor has, with the names to record.
let tiers: [(name: String, tier: fpq_tier)] = [
  ("scalar", FPQ_TIER_SCALAR), ("avx2", FPQ_TIER_AVX2), ("avx512", FPQ_TIER_AVX512),
].filter { fpq_kernels_of_tier($0.1) != nil }

/// A packed weight [outputs][inputs] with what it means, decoded by NumberFormat and not by the
/// kernels.
struct WeightCase {
  let format: NumberFormat
  let outputs: Int
  let inputs: Int
  let group: Int
  var codes: [UInt8]
  var scales: [Float16]
  var zeros: [UInt8]
  var tensorScale: Float = 1

  var groups: Int { (inputs - 1) / group + 1 }
  var layout: WeightLayout { WeightLayout(format, .groups(of: group)) }

  init(
    _ format: String, outputs: Int, inputs: Int, group: Int, seed: Int, extreme: Bool = false
  ) throws {
    self.format = try NumberFormat(format)
    (self.outputs, self.inputs, self.group) = (outputs, inputs, group)
    var random = Generator(seed)
    let groups = (inputs - 1) / group + 1
    let layout = WeightLayout(self.format, .groups(of: group))
    // The unused nibble of an odd row is left random: it must not matter.
    codes = (0..<(outputs * ((inputs + 1) / 2))).map { _ in UInt8(random.below(256)) }
    scales = (0..<(outputs * groups)).map { _ in
      random.below(16) == 0 ? 0 : Float16(0.001 + abs(random.signed()))
    }
    if layout.sides == .turnable {
      scales = scales.map { random.below(2) == 0 ? $0 : -$0 }
      tensorScale = 0.37
    }
    zeros = []
    if layout.hasZeroPoints {
      zeros = (0..<(outputs * groups)).map { _ in UInt8(random.below(16)) }
    }
    if extreme {
      // The largest negative integers throughout.
      let code: UInt8 = layout.hasZeroPoints ? 0 : 15
      codes = codes.map { _ in code | code << 4 }
      zeros = zeros.map { _ in 15 }
    }
  }

  func integer(_ n: Int, _ k: Int) -> Int {
    if format.bits != 4 {
      return Int(format.codebook[(n * inputs + k) * 7 % format.codebook.count])
    }
    let pair = codes[n * ((inputs + 1) / 2) + k / 2]
    let value = Int(format.decode(k % 2 == 0 ? pair & 15 : pair >> 4))
    return value - (zeros.isEmpty ? 0 : Int(zeros[n * groups + k / group]))
  }

  func scale(_ n: Int, _ g: Int) -> Float { Float(scales[n * groups + g]) }

  /// Calls `body` with the weight as the kernels see it, every array `shift` bytes past an aligned
  /// address.
  func withPacked<T>(shift: Int = 0, _ body: (inout fpq_packed) throws -> T) rethrows -> T {
    func place<E>(_ values: [E]) -> UnsafeMutableRawBufferPointer {
      let bytes = values.count * MemoryLayout<E>.stride
      let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes + shift, alignment: 64)
      values.withUnsafeBytes {
        UnsafeMutableRawBufferPointer(rebasing: memory[shift...]).copyMemory(from: $0)
      }
      return memory
    }
    let decoded =
      format.bits == 4
      ? []
      : (0..<outputs).flatMap { n in
        (0..<inputs).map { Int8(integer(n, $0)) }
      }
    let memories = [place(codes), place(scales), place(zeros), place(decoded)]
    defer { memories.forEach { $0.deallocate() } }
    let starts = memories.map {
      UnsafePointer(($0.baseAddress! + shift).assumingMemoryBound(to: UInt8.self))
    }
    var packed = fpq_packed()
    packed.scales = starts[1]
    if format.bits == 4 {
      packed.codes = starts[0]
    } else {
      packed.integers = UnsafeRawPointer(starts[3]).assumingMemoryBound(to: Int8.self)
    }
    packed.zeros = zeros.isEmpty ? nil : starts[2]
    withUnsafeMutableBytes(of: &packed.codebook) { codebook in
      for code in 0..<16 where format.bits == 4 {
        codebook[code] = UInt8(truncatingIfNeeded: format.decode(UInt8(code)))
      }
    }
    (packed.outputs, packed.inputs, packed.group) = (outputs, inputs, group)
    packed.tensor_scale = tensorScale
    return try body(&packed)
  }

  /// The weight as the tensors of a file.
  func matrix() throws -> (codes: Tensor, scales: Tensor, zeros: Tensor?) {
    let zeroPoints =
      zeros.isEmpty
      ? nil : Tensor(name: "w.zeros", dtype: .u8, shape: [outputs, groups], values: zeros)
    return (
      Tensor(name: "w", dtype: .u8, shape: [outputs, (inputs + 1) / 2], values: codes),
      Tensor(name: "w.scales", dtype: .f16, shape: [outputs, groups], values: scales), zeroPoints
    )
  }
}

/// Activation integers and scales, and the definition of the product in Swift's own arithmetic.
struct TokenCase {
  let tokens: Int
  let perGroup: Bool
  /// [tokens][inputs].
  var integers: [Int]
  /// [tokens][groups] or [tokens].
  var scales: [Float]
  /// What byte codes have added; 0 for a format without a sign.
  var offset = 128

  init(
    tokens: Int, weight: WeightCase, maxCode: Int, perGroup: Bool, seed: Int, extreme: Bool = false,
    isUnsigned: Bool = false
  ) {
    (self.tokens, self.perGroup) = (tokens, perGroup)
    var random = Generator(seed)
    integers = (0..<(tokens * weight.inputs)).map { _ in
      extreme
        ? maxCode : isUnsigned ? random.below(maxCode + 1) : random.below(2 * maxCode + 1) - maxCode
    }
    if isUnsigned { offset = 0 }
    scales = (0..<(tokens * (perGroup ? weight.groups : 1))).map { _ in abs(random.signed()) }
  }

  init(tokens: Int, perGroup: Bool, integers: [Int], scales: [Float]) {
    (self.tokens, self.perGroup) = (tokens, perGroup)
    (self.integers, self.scales) = (integers, scales)
  }

  /// The codes as the kernels store them: groups padded to four with `zero`.
  private func codes<Code: FixedWidthInteger>(_ weight: WeightCase, zero: Code) -> [Code] {
    var codes: [Code] = []
    for t in 0..<tokens {
      for first in stride(from: 0, to: weight.inputs, by: weight.group) {
        let length = min(weight.group, weight.inputs - first)
        for k in first..<(first + length) {
          codes.append(Code(integers[t * weight.inputs + k] + Int(zero)))
        }
        codes += [Code](repeating: zero, count: (4 - length % 4) % 4)
      }
    }
    return codes
  }

  /// y by the kernel of `tier`, in blocks of the given size, with i16 codes when `words` and u8
  /// otherwise.
  func product(
    _ tier: fpq_tier, _ weight: WeightCase, words: Bool, bias: [Float]?, shift: Int = 0,
    block: (tokens: Int, outputs: Int)? = nil
  ) -> [Float] {
    let table = fpq_kernels_of_tier(tier)!.pointee
    let bytes =
      words
      ? codes(weight, zero: Int16(0)).withUnsafeBytes { Array($0) }
      : codes(weight, zero: UInt8(offset))
    var y = [Float](repeating: .nan, count: tokens * weight.outputs)
    let (tall, wide) = block ?? (tokens, weight.outputs)
    weight.withPacked(shift: shift) { packed in
      bytes.withUnsafeBytes { bytes in
        scales.withUnsafeBufferPointer { scales in
          (bias ?? []).withUnsafeBufferPointer { biasValues in
            var x = fpq_tokens(
              codes: bytes.baseAddress, scales: scales.baseAddress, per_group: perGroup ? 1 : 0,
              offset: Int32(offset))
            for token in stride(from: 0, to: tokens, by: tall) {
              for output in stride(from: 0, to: weight.outputs, by: wide) {
                let block = fpq_block(
                  token: token, tokens: min(tall, tokens - token), output: output,
                  outputs: min(wide, weight.outputs - output))
                let multiply:
                  @convention(c) (
                    UnsafePointer<fpq_packed>?, UnsafePointer<fpq_tokens>?, fpq_block,
                    UnsafePointer<Float>?, UnsafeMutablePointer<Float>?
                  ) -> Void = words ? table.multiply_i16 : table.multiply_u8
                multiply(&packed, &x, block, bias == nil ? nil : biasValues.baseAddress, &y)
              }
            }
          }
        }
      }
    }
    return y
  }

  /// y by the definition.
  func product(_ weight: WeightCase, bias: [Float]?) -> [Float] {
    var y: [Float] = []
    for t in 0..<tokens {
      for n in 0..<weight.outputs {
        var sum: Float = 0
        for g in 0..<weight.groups {
          var dot = 0
          for k in (g * weight.group)..<min((g + 1) * weight.group, weight.inputs) {
            dot += integers[t * weight.inputs + k] * weight.integer(n, k)
          }
          let scale =
            perGroup ? weight.scale(n, g) * scales[t * weight.groups + g] : weight.scale(n, g)
          sum.addProduct(scale, Float(dot))
        }
        if !perGroup { sum *= scales[t] }
        sum *= weight.tensorScale
        if let bias { sum += bias[n] }
        y.append(sum)
      }
    }
    return y
  }
}

/// Values to compare as one: the report of a difference shows the first few, not a diff of
/// thousands, which takes minutes.
struct Exact<Element: Equatable>: Equatable, CustomReflectable, CustomTestStringConvertible {
  let values: [Element]

  init(_ values: [Element]) { self.values = values }

  var customMirror: Mirror { Mirror(self, children: []) }

  var testDescription: String { "\(values.count) values \(values.prefix(8))" }
}

/// The bit patterns, so that a zero of the other sign does not pass for equal.
func bits(_ values: [Float]) -> Exact<UInt32> { Exact(values.map(\.bitPattern)) }

/// exp in f64.
func exponential(_ x: Double) -> Double { Foundation.exp(x) }
