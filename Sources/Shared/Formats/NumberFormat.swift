import Platform

/// A low-bit number format as a list of small integers times one step.
///
/// A value is `decode(code) * scale`. The kinds, by their names:
/// - `eXmY`: sign, X exponent bits and Y mantissa bits, subnormals, no infinity and no NaN (FP4DiT,
///   with the paper's real-valued bias moved into the scale);
/// - `ueXmY`, `uintB`: the same without a sign, for inputs that are never negative;
/// - `intB`: symmetric, -(2^(B-1)-1)...2^(B-1)-1;
/// - `int4`: codes 0...15 stand for code - zero, with a zero point per group;
/// - `lloyd4`: 16 levels as Lloyd and Max place them for weights, denser near zero than integers
///   and on both sides of it, so that no code is spent on a second zero. Its two ends differ, and a
///   negative scale turns them around;
/// - `fp5.33`, `fp4.25`: `e2m3` and `e2m2` of which three and four weights share the last bit.
package struct NumberFormat: Sendable, CustomStringConvertible {
  package let name: String
  package let bits: Int
  /// The integer of each code, [2^bits]; of a signed format codes are the sign bit + the index of a
  /// magnitude.
  package let codebook: [Int32]
  /// True for `int4`, whose codes stand for code - zero, with a zero point for each group.
  package let hasZeroPoints: Bool
  /// False for `ueXmY` and `uintB`.
  package let isSigned: Bool
  /// Whether the codebook is its own mirror image: with each integer it has its negative.
  package let isSymmetric: Bool
  /// Mantissa bits Y of a float; nil for other kinds.
  package let mantissaBits: Int?
  /// Which weights share the last bit of their codes; nil: each has its own.
  ///
  /// A row of such weights has one scale.
  package let sharedBit: SharedBit?
  /// The levels for each zero point of `int4`, in their order; one table for other kinds.
  private let tables: [LevelTable]

  /// Codebooks of 4 bits that no rule gives, by name: integers of at most 64, which the kernels
  /// take.
  ///
  /// One that is not its own mirror image gets scales of either sign.
  ///
  /// `lloyd4`: the fixed point of Lloyd's algorithm (1957; Max 1960) on normal weights in groups of
  /// 64, scaled by the absolute maximum times the best of 25 clips of either sign, rounded.
  private static let listed: [String: [Int32]] = [
    "lloyd4": [-64, -49, -39, -31, -23, -17, -11, -5, 1, 7, 12, 19, 25, 32, 41, 53]
  ]

  /// AMS-Quant's formats: what they are when no bit is shared, and how many weights share one.
  private static let sharing: [String: (format: String, length: Int)] = [
    "fp5.33": ("e2m3", 3), "fp4.25": ("e2m2", 4),
  ]

  /// Reads a name such as `e2m1` or `int8`.
  ///
  /// - Throws: `Failure` for a name that is no format, or one of more than 8 bits or more than 4
  ///   exponent bits (levels of `e5m2` would reach 7 * 2^30, and no F16 scale could bring weights
  ///   that far up).
  package init(_ name: String) throws {
    self.name = name
    var mantissaBits: Int?
    var isZeroPointed = false
    let shared = NumberFormat.sharing[name]
    if let match = (shared?.format ?? name).wholeMatch(of: /(u?)e([1-4])m([0-6])/),
      let e = Int(match.2),
      let m = Int(match.3), e + m <= (match.1.isEmpty ? 7 : 8)
    {
      isSigned = match.1.isEmpty
      bits = (isSigned ? 1 : 0) + e + m
      mantissaBits = m
      let magnitudes = (0..<(1 << (e + m))).map { code in
        let (exponent, mantissa) = (code >> m, code & ((1 << m) - 1))
        // Exponent 0 is subnormal: the same step as exponent 1, without the hidden bit.
        return exponent == 0 ? Int32(mantissa) : Int32((1 << m) + mantissa) << (exponent - 1)
      }
      codebook = isSigned ? magnitudes + magnitudes.map { -$0 } : magnitudes
    } else if let match = name.wholeMatch(of: /(u?)int([2-8])/), let b = Int(match.2) {
      isSigned = match.1.isEmpty
      bits = b
      isZeroPointed = name == "int4"
      if isZeroPointed || !isSigned {
        codebook = Array(0..<Int32(1 << b))
      } else {
        let magnitudes = Array(0..<Int32(1 << (b - 1)))
        codebook = magnitudes + magnitudes.map { -$0 }
      }
    } else if let levels = NumberFormat.listed[name] {
      isSigned = true
      bits = 4
      codebook = levels
    } else {
      throw Failure("format \(name): expected a name like e2m1 or int8")
    }
    self.mantissaBits = mantissaBits
    hasZeroPoints = isZeroPointed
    isSymmetric = Set(codebook) == Set(codebook.map { -$0 })
    let border = { LevelTable.middle($0, $1, mantissaBits: mantissaBits) }
    let codebook = codebook
    tables = (0..<(isZeroPointed ? codebook.count : 1)).map { zero in
      LevelTable(codebook.map { $0 - Int32(zero) }, border: border)
    }
    sharedBit = shared.map {
      SharedBit(
        length: $0.length, magnitudes: Array(codebook[..<(codebook.count / 2)]), border: border)
    }
  }

  /// The levels of a group: all integers that its codes stand for, its zero point subtracted.
  package func levels(zero: UInt8 = 0) -> LevelTable { tables[hasZeroPoints ? Int(zero) : 0] }

  /// What a group's absolute maximum is mapped to.
  package var maxCode: Int32 { hasZeroPoints ? codebook[15] : max(levels().high, -levels().low) }

  /// The code of the sign, `2^(bits-1)`, of a signed format.
  package var signBit: UInt8 { UInt8(1 << (bits - 1)) }

  /// The integer that `code` stands for (of `int4`, before the zero point is subtracted).
  package func decode(_ code: UInt8) -> Int32 { codebook[Int(code)] }

  /// The code of `level`, an integer that `decode` returns for it, plus the zero point of `int4`;
  /// no code is a negative zero.
  package func code(level: Int32, zero: UInt8 = 0) -> UInt8 { levels(zero: zero).code(level) }

  package var description: String { name }
}

extension NumberFormat: Hashable {
  package static func == (a: NumberFormat, b: NumberFormat) -> Bool { a.name == b.name }
  package func hash(into hasher: inout Hasher) { hasher.combine(name) }
}
