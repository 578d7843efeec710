import Platform

/// A low-bit number format as a list of small integers times one step.
///
/// `eXmY` has a sign, X exponent bits and Y mantissa bits, subnormals, no infinity and no NaN (FP4DiT section 3, with the
/// paper's real-valued bias moved into the scale). `intB` is symmetric, -(2^(B-1)-1)...2^(B-1)-1, except `int4`, which is
/// asymmetric with a zero point per group. A value is `decode(code) * scale`.
package struct NumberFormat: Hashable, Sendable, CustomStringConvertible {
  package let name: String
  package let bits: Int
  /// The values of the non-negative codes, in ascending order of the code: `e2m1` is 0 1 2 3 4 6 8 12.
  package let magnitudes: [Int32]
  /// True for `int4`: codes 0...15 stand for code - zero, with a zero point per group.
  package let isAsymmetric: Bool
  /// Mantissa bits Y of `eXmY`; nil for integers.
  package let mantissaBits: Int?

  /// The largest value of a code, what a group's absolute maximum is mapped to.
  package var maxCode: Int32 { magnitudes[magnitudes.count - 1] }

  /// The code of the sign, `2^(bits-1)`; a code is sign + index into `magnitudes`.
  package var signBit: UInt8 { UInt8(1 << (bits - 1)) }

  package var description: String { name }

  /// Reads a name such as `e2m1` or `int8`.
  ///
  /// - Throws: `Failure` for a name that is no format, or one of more than 8 bits or more than 4 exponent bits (levels of
  ///   `e5m2` would reach 7 * 2^30, and no F16 scale could bring weights that far up).
  package init(_ name: String) throws {
    self.name = name
    if let match = name.wholeMatch(of: /e([1-4])m([0-6])/), let e = Int(match.1),
      let m = Int(match.2), e + m <= 7
    {
      bits = 1 + e + m
      mantissaBits = m
      isAsymmetric = false
      magnitudes = (0..<(1 << (e + m))).map { code in
        let (exponent, mantissa) = (code >> m, code & ((1 << m) - 1))
        // Exponent 0 is subnormal: the same step as exponent 1, without the hidden bit.
        return exponent == 0 ? Int32(mantissa) : Int32((1 << m) + mantissa) << (exponent - 1)
      }
    } else if let match = name.wholeMatch(of: /int([2-8])/), let b = Int(match.1) {
      bits = b
      mantissaBits = nil
      isAsymmetric = b == 4
      magnitudes = b == 4 ? Array(0...15) : Array(0..<Int32(1 << (b - 1)))
    } else {
      throw Failure("format \(name): expected a name like e2m1 or int8")
    }
  }

  /// The integer that `code` stands for (for an asymmetric format, before the zero point is subtracted).
  package func decode(_ code: UInt8) -> Int32 {
    if isAsymmetric { return magnitudes[Int(code)] }
    let magnitude = magnitudes[Int(code & (signBit - 1))]
    return code & signBit == 0 ? magnitude : -magnitude
  }
}
