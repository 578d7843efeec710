import Platform

/// Rounding to Float8 E4M3 without infinities (OCP E4M3FN), the type of NVFP4's scales.
package enum Float8E4M3 {
  /// The smallest positive value, a subnormal, and the largest.
  package static let smallest = 0x1p-9
  package static let largest = 448.0

  /// The value nearest to `x` >= 0, half to even, saturating at 448.
  package static func rounded(_ x: Double) -> Double {
    let exponent = max(x.exponent, -6)
    let step = Double(sign: .plus, exponent: Int(exponent) - 3, significand: 1)
    return min((x / step).rounded(.toNearestOrEven) * step, largest)
  }

  /// The bits of `value`, which must be one of the type's.
  package static func bits(_ value: Double) -> UInt8 {
    let sign: UInt8 = value < 0 ? 0x80 : 0
    let magnitude = abs(value)
    guard magnitude >= 0x1p-6 else { return sign | UInt8(clamping: magnitude / smallest) }
    let exponent = Int(magnitude.exponent)
    let mantissa =
      UInt8(clamping: magnitude / Double(sign: .plus, exponent: exponent, significand: 1) * 8) & 7
    return sign | UInt8(clamping: exponent + 7) << 3 | mantissa
  }
}
