import Platform

/// Rounding to a format's levels: the integers `decode` returns, before scale and zero point.
///
/// FP4DiT's Q(x) (its section 1: p from the binade of x, s = 2^(p-M-b), round(x / s) s, half to even) with the
/// real-valued bias taken out as the scale: between 2^k and 2^(k+1) the levels are max(1, 2^(k-Y)) apart.
/// Half to even counts in steps of the binade of x, as in the paper's code: with Y >= 1 that is the even code; `e3m0`
/// has one step a binade, and 3 goes up to 4, 6 to 8.
extension NumberFormat {
  /// Spacing of the levels relative to the power of two below them, 2^-Y; 0 for integers, whose spacing is 1 everywhere.
  package var spacing: Float { mantissaBits.map { 1 / Float(1 << $0) } ?? 0 }

  /// The level nearest to `t` in `low...high`, half to even, saturating; 0 is never negative.
  ///
  /// - Parameters:
  ///   - t: a weight over its scale; not NaN.
  ///   - low: the smallest level, `-maxCode`, or `-zero` for an asymmetric format.
  ///   - high: the largest level, `maxCode`, or `15 - zero`.
  /// - Returns: an integer that `code(level:zero:)` has a code for.
  package func level(nearest t: Double, low: Int32, high: Int32) -> Int32 {
    let clamped = min(max(t, Double(low)), Double(high))
    let magnitude = abs(clamped)
    let step = spacing > 0 && magnitude >= 1 ? max(1, magnitude.binade * Double(spacing)) : 1
    let rounded = Int32((magnitude / step).rounded(.toNearestOrEven) * step)
    return clamped < 0 ? -rounded : rounded
  }

  /// The code of `level`, an integer that `decode` returns for it, plus the zero point of an asymmetric format.
  package func code(level: Int32, zero: UInt8 = 0) -> UInt8 {
    if isAsymmetric { return UInt8(level + Int32(zero)) }
    let magnitude = Int(level.magnitude)
    var index = magnitude
    if let mantissaBits, magnitude >> mantissaBits > 0 {
      // Codes count through the binades: 2^Y of them in each above the subnormals.
      let exponent = Int.bitWidth - 1 - magnitude.leadingZeroBitCount - mantissaBits
      index = exponent << mantissaBits + magnitude >> exponent
    }
    return UInt8(index) | (level < 0 ? signBit : 0)
  }

  /// The smallest and largest level of a group with zero point `zero`.
  package func levels(zero: UInt8) -> (low: Int32, high: Int32) {
    isAsymmetric ? (-Int32(zero), maxCode - Int32(zero)) : (-maxCode, maxCode)
  }

  /// Bits a weight takes in groups of `groupSize`: the code, an F16 scale a group, and an asymmetric format's zero
  /// point in as many bits as a code.
  package func bitsPerWeight(columns: Int, groupSize: Int) -> Double {
    guard columns > 0 else { return Double(bits) }
    let groups = (columns + groupSize - 1) / groupSize
    let overhead = groups * (16 + (isAsymmetric ? bits : 0))
    return Double(bits) + Double(overhead) / Double(columns)
  }
}
