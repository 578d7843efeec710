import Foundation
import Platform

/// Reading any number type as f32: exact from F16, BF16 and F8, rounded to nearest from F64 and
/// wide integers.
///
/// *Limitations:* types below a byte (F4, F6) and C64 have no such reading here; a safetensors file
/// may hold them.
extension Tensor {
  /// All elements as f32, row-major.
  ///
  /// - Throws: `Failure` for an element type that has no such reading.
  package func floats() throws -> [Float] {
    try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      if let base = buffer.baseAddress { try copyFloats(0..<count, to: base) }
      initialized = count
    }
  }

  /// Copies `count` floats from bytes of any alignment.
  ///
  /// A function of its own: Swift 6.3 compiles a throwing function that ends in memcpy to a jump
  /// there that leaves the error register undefined, so that the caller sees a failure nobody
  /// threw.
  @inline(never)
  private static func copy(
    _ source: UnsafeRawPointer, to target: UnsafeMutablePointer<Float>, count: Int
  ) {
    memcpy(target, source, count * MemoryLayout<Float>.size)
  }

  /// The elements of `elements` (flat, row-major) as f32, written to `target`.
  package func copyFloats(_ elements: Range<Int>, to target: UnsafeMutablePointer<Float>) throws {
    let source = bytes
    guard let base = source.baseAddress, !elements.isEmpty else { return }
    precondition(elements.lowerBound >= 0 && elements.upperBound <= count, "\(place): \(elements)")
    let (first, size) = (elements.lowerBound, elements.count)
    func convert<T: BitwiseCopyable>(_ type: T.Type, _ value: (T) -> Float) {
      let start = base + first * MemoryLayout<T>.size
      for index in 0..<size {
        target[index] = value(
          start.loadUnaligned(fromByteOffset: index * MemoryLayout<T>.size, as: T.self))
      }
    }
    func decode(_ table: [Float]) {
      table.withUnsafeBufferPointer { table in convert(UInt8.self) { table[Int($0)] } }
    }
    switch dtype {
    case .f32: Tensor.copy(base + first * 4, to: target, count: size)
    case .f64: convert(Double.self) { Float($0) }
    case .f16: convert(UInt16.self, float(half:))
    case .bf16: convert(UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
    case .f8e4m3: decode(EightBitFloat.e4m3)
    case .f8e5m2: decode(EightBitFloat.e5m2)
    case .f8e8m0: decode(EightBitFloat.e8m0)
    case .f8e4m3fnuz: decode(EightBitFloat.e4m3fnuz)
    case .f8e5m2fnuz: decode(EightBitFloat.e5m2fnuz)
    case .bool, .u8: convert(UInt8.self) { Float($0) }
    case .i8: convert(Int8.self) { Float($0) }
    case .i16: convert(Int16.self) { Float($0) }
    case .u16: convert(UInt16.self) { Float($0) }
    case .i32: convert(Int32.self) { Float($0) }
    case .u32: convert(UInt32.self) { Float($0) }
    case .i64: convert(Int64.self) { Float($0) }
    case .u64: convert(UInt64.self) { Float($0) }
    case .f4, .f6e2m3, .f6e3m2, .c64:
      throw Failure(place, "expected numbers of 8 bits or more, found \(dtype.rawValue)")
    }
  }
}

extension Tensor {
  /// The elements of `elements` (flat, row-major) as f64, exact but for integers above 2^53,
  /// written to `target`.
  package func copyDoubles(_ elements: Range<Int>, to target: UnsafeMutablePointer<Double>) throws {
    func convert<T: BitwiseCopyable>(_ type: T.Type, _ value: (T) -> Double) {
      let source = bytes
      for (offset, index) in elements.enumerated() {
        target[offset] = value(
          source.loadUnaligned(fromByteOffset: index * MemoryLayout<T>.size, as: T.self))
      }
    }
    switch dtype {
    case .f64: convert(Double.self) { $0 }
    case .i32: convert(Int32.self) { Double($0) }
    case .u32: convert(UInt32.self) { Double($0) }
    case .i64: convert(Int64.self) { Double($0) }
    case .u64: convert(UInt64.self) { Double($0) }
    default:
      try withUnsafeTemporaryAllocation(of: Float.self, capacity: elements.count) { floats in
        guard let base = floats.baseAddress else { return }
        try copyFloats(elements, to: base)
        for index in 0..<elements.count { target[index] = Double(base[index]) }
      }
    }
  }
}

/// The value of IEEE half-precision bits, exact, NaN payload kept.
///
/// In plain arithmetic without branches, because the compiler's own conversion is a library call
/// per element on x86-64.
@inline(__always)
private func float(half bits: UInt16) -> Float {
  let sign = UInt32(bits & 0x8000) << 16
  let magnitude = UInt32(bits & 0x7FFF)
  // Exponents rebiased by 112; infinity and NaN to the top; subnormals are whole multiples of
  // 2^-24.
  let normal = (magnitude << 13) &+ (magnitude >= 0x7C00 ? 224 << 23 : 112 << 23)
  let subnormal = (Float(Int32(truncatingIfNeeded: magnitude)) * 0x1p-24).bitPattern
  return Float(bitPattern: sign | (magnitude < 0x0400 ? subnormal : normal))
}

/// The values of all codes of the 8-bit floats of the format, indexed by code [256].
private enum EightBitFloat {
  static let e4m3 = table(exponentBits: 4, bias: 7) { $0 & 0x7F == 0x7F ? .nan : nil }
  static let e5m2 = table(exponentBits: 5, bias: 15) {
    $0 & 0x7F > 0x7C ? .nan : $0 == 0x7C ? .infinity : $0 == 0xFC ? -.infinity : nil
  }
  static let e4m3fnuz = table(exponentBits: 4, bias: 8) { $0 == 0x80 ? .nan : nil }
  static let e5m2fnuz = table(exponentBits: 5, bias: 16) { $0 == 0x80 ? .nan : nil }
  /// A scale: 2^(code - 127), no sign, no mantissa.
  static let e8m0 = (0..<256).map {
    $0 == 255 ? Float.nan : Float(sign: .plus, exponent: $0 - 127, significand: 1)
  }

  private static func table(
    exponentBits: Int, bias: Int, special: (Int) -> Float?
  ) -> [Float] {
    (0..<256).map { code in
      if let value = special(code) { return value }
      let mantissaBits = 7 - exponentBits
      let exponent = code >> mantissaBits & (1 << exponentBits - 1)
      let mantissa = code & (1 << mantissaBits - 1)
      let significand = mantissa + (exponent == 0 ? 0 : 1 << mantissaBits)
      return Float(
        sign: code >= 0x80 ? .minus : .plus, exponent: max(1, exponent) - bias - mantissaBits,
        significand: Float(significand))
    }
  }
}
