import Platform

/// Whether numbers are finite, from their bits: a pass that the compiler makes of vector
/// instructions, at the speed of memory.
enum FiniteNumbers {
  /// Elements that a thread takes at once; fixed, as all borders of pieces.
  private static let piece = 1 << 20

  /// Whether all `count` numbers at `start` are neither NaN nor infinite.
  ///
  /// - Parameters:
  ///   - start: of any alignment.
  ///   - count: of numbers.
  ///   - exponent: the bits of the exponent, which are all ones in NaN and infinity alone.
  /// - Returns: whether none has them all.
  static func all<Bits: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
    _ start: UnsafeRawPointer, count: Int, exponent: Bits
  ) -> Bool {
    // Adding the lowest of its bits to an exponent of ones carries into the place of the sign.
    let lowest = exponent & (0 &- exponent)
    func carries(_ range: Range<Int>) -> Bits {
      var carried: Bits = 0
      for index in range {
        let bits = start.loadUnaligned(
          fromByteOffset: index * MemoryLayout<Bits>.size, as: Bits.self)
        carried |= (bits & exponent) &+ lowest
      }
      return carried & ~(Bits.max >> 1)
    }
    guard count > piece else { return carries(0..<count) == 0 }
    var found = [Bool](repeating: false, count: (count + piece - 1) / piece)
    found.withUnsafeMutableBufferPointer { buffer in
      nonisolated(unsafe) let found = buffer
      Parallel.chunks(of: count, size: piece) { found[$0.lowerBound / piece] = carries($0) != 0 }
    }
    return !found.contains(true)
  }
}

extension Tensor {
  /// Whether it holds no NaN and no infinity; true for types that have neither.
  var isFinite: Bool {
    guard let start = bytes.baseAddress else { return true }
    switch dtype {
    case .f16: return FiniteNumbers.all(start, count: count, exponent: 0x7C00 as UInt16)
    case .bf16: return FiniteNumbers.all(start, count: count, exponent: 0x7F80 as UInt16)
    case .f32: return FiniteNumbers.all(start, count: count, exponent: 0x7F80_0000 as UInt32)
    case .f64:
      return FiniteNumbers.all(start, count: count, exponent: 0x7FF0_0000_0000_0000 as UInt64)
    case .f8e4m3, .f8e5m2, .f8e8m0, .f8e4m3fnuz, .f8e5m2fnuz:
      return (try? floats().allSatisfy(\.isFinite)) ?? true
    case .bool, .u8, .i8, .i16, .u16, .i32, .u32, .i64, .u64, .f4, .f6e2m3, .f6e3m2, .c64:
      return true
    }
  }

  /// - Throws: `Failure` naming the tensor and the first element that is NaN or infinite.
  package func requireFinite() throws {
    guard !isFinite else { return }
    let index = try floats().firstIndex { !$0.isFinite } ?? 0
    throw Failure(place, "expected finite numbers, found NaN or infinity at \(index)")
  }
}

extension Matrix {
  /// Whether it holds no NaN and no infinity.
  package var isFinite: Bool {
    FiniteNumbers.all(pointer, count: count, exponent: 0x7F80_0000 as UInt32)
  }
}
