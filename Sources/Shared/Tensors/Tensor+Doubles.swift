import Platform

extension Tensor {
  /// All elements as f64, row-major: exact for every type but wide integers above 2^53.
  ///
  /// - Throws: `Failure` for an element type that has no such reading.
  package func doubles() throws -> [Double] {
    let source = bytes
    switch dtype {
    case .f64:
      return (0..<count).map { source.loadUnaligned(fromByteOffset: $0 * 8, as: Double.self) }
    case .i64:
      return (0..<count).map {
        Double(source.loadUnaligned(fromByteOffset: $0 * 8, as: Int64.self))
      }
    default: return try floats().map(Double.init)
    }
  }
}
