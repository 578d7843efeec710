/// The integers that a group's codes stand for, in ascending order, and where rounding passes from
/// one to the next.
///
/// FP4DiT's Q(x) (arXiv 2503.15465: p from the binade of x, s = 2^(p-M-b), round(x / s) s, half to
/// even) with the real-valued bias taken out as the scale. Half to even counts in steps of the
/// binade of x, as in the paper's code: with Y >= 1 that is the even code; `e3m0` has one step a
/// binade, and 3 goes up to 4, 6 to 8.
package final class LevelTable: Sendable {
  /// Distinct levels, ascending.
  package let levels: [Int32]
  /// The code of each level; of two codes with one level, the smaller.
  private let codes: [UInt8]
  /// A value above `thresholds[i]` belongs to a level above `levels[i]`, [levels - 1].
  private let thresholds: [Double]
  /// `levels` and `thresholds` as the kernels read them: 64 levels, then 64 thresholds, padded with
  /// infinity; all infinite for a larger table, which the kernels do not take.
  nonisolated(unsafe) package let floats: UnsafePointer<Float>

  package var low: Int32 { levels[0] }
  package var high: Int32 { levels[levels.count - 1] }

  /// Where rounding passes from a level to the next one above, and whether that very value goes up.
  typealias Border = (value: Double, isUp: Bool)

  /// - Parameters:
  ///   - codebook: the level of each code.
  ///   - isChosen: which codes there are; nil: all.
  ///   - border: between two neighbours among their levels.
  init(
    _ codebook: [Int32], codes isChosen: ((Int) -> Bool)? = nil,
    border: (_ below: Int32, _ above: Int32) -> Border
  ) {
    var smallestCode: [Int32: Int] = [:]
    for (code, level) in codebook.enumerated().reversed() where isChosen?(code) ?? true {
      smallestCode[level] = code
    }
    levels = smallestCode.keys.sorted()
    codes = levels.map { UInt8(smallestCode[$0] ?? 0) }
    let borders = zip(levels, levels.dropFirst()).map(border)
    thresholds = borders.map { $0.isUp ? $0.value.nextDown : $0.value }
    let memory = UnsafeMutablePointer<Float>.allocate(capacity: 128)
    memory.update(repeating: .infinity, count: 128)
    if levels.count <= 64 {
      for (index, level) in levels.enumerated() { memory[index] = Float(level) }
      for (index, border) in borders.enumerated() {
        memory[64 + index] = border.isUp ? Float(border.value).nextDown : Float(border.value)
      }
    }
    floats = UnsafePointer(memory)
  }

  deinit { floats.deallocate() }

  /// Which level is nearest to `t`, a weight over its scale; saturating, not for NaN.
  package func index(nearest t: Double) -> Int {
    var (low, high) = (0, thresholds.count)
    while low < high {
      let middle = (low + high) / 2
      if t > thresholds[middle] { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The level nearest to `t`.
  package func nearest(_ t: Double) -> Int32 { levels[index(nearest: t)] }

  /// The code of `level`, one of `levels`.
  package func code(_ level: Int32) -> UInt8 { codes[index(nearest: Double(level))] }

  /// The middle of two levels; half to even in steps of its binade, which are max(1, 2^(k-Y))
  /// between 2^k and 2^(k+1), 1 for integers.
  static func middle(_ below: Int32, _ above: Int32, mantissaBits: Int?) -> Border {
    let middle = (Double(below) + Double(above)) / 2
    let spacing = mantissaBits.map { 1 / Double(1 << $0) } ?? 0
    let magnitude = abs(middle)
    let step = spacing > 0 && magnitude >= 1 ? max(1, magnitude.binade * spacing) : 1
    let rounded = (magnitude / step).rounded(.toNearestOrEven) * step
    return (middle, (middle < 0 ? -rounded : rounded) > middle)
  }
}
