import Platform

extension Tensor {
  /// All elements as f64, row-major: exact for every type but wide integers above 2^53.
  ///
  /// - Throws: `Failure` for an element type that has no such reading.
  package func doubles() throws -> [Double] {
    try [Double](unsafeUninitializedCapacity: count) { buffer, initialized in
      if let base = buffer.baseAddress { try copyDoubles(0..<count, to: base) }
      initialized = count
    }
  }
}
