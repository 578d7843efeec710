/// Weights next to each other along the input that share the least bit of their mantissa: AMS-Quant
/// (arXiv 2510.16045).
///
/// A run of `length` weights is rounded once to the codes that end in 0 and once to those that end
/// in 1; the bit with the smaller squared error is kept, 0 when they are equal. What is left over
/// at the end of a row is a shorter run.
package struct SharedBit: Sendable {
  /// What a weight becomes once its last bit is given.
  package enum Mode: String, Sendable, CaseIterable {
    /// The nearest code that ends in that bit; of two as near, the smaller magnitude.
    case nearest
    /// The nearest of all codes, its last bit replaced.
    case overwrite
  }

  /// Weights of a run.
  package let length: Int
  /// The levels of the codes that end in 0, and in 1.
  private let nearest: [LevelTable]
  private let overwritten: [LevelTable]

  /// - Parameters:
  ///   - length: weights of a run.
  ///   - magnitudes: of the format, by code, with the sign bit above them.
  ///   - border: between two neighbours of them, as the format rounds.
  init(
    length: Int, magnitudes: [Int32], border: @escaping (Int32, Int32) -> LevelTable.Border
  ) {
    self.length = length
    let codebook = magnitudes + magnitudes.map { -$0 }
    func tables(_ border: (Int32, Int32) -> LevelTable.Border) -> [LevelTable] {
      (0...1).map { bit in LevelTable(codebook, codes: { $0 & 1 == bit }, border: border) }
    }
    nearest = tables { below, above in
      let middle = (Double(below) + Double(above)) / 2
      return (middle, middle <= 0)
    }
    overwritten = tables { below, above in
      // The sign stays, and with it the bit: codes that end in 1 have no zero between them.
      if below < 0, above > 0 { return (0, true) }
      // Codes that differ in the last bit alone become one; the border is that between two such
      // pairs.
      let sign: Int32 = below < 0 ? -1 : 1
      let codes = [abs(below), abs(above)].sorted().map { magnitudes.firstIndex(of: $0) ?? 0 }
      return border(sign * magnitudes[codes[0] | 1], sign * magnitudes[codes[1] & ~1])
    }
  }

  /// The levels that a run chooses from, by its bit.
  package func tables(_ mode: Mode) -> [LevelTable] { mode == .nearest ? nearest : overwritten }
}
