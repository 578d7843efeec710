import Platform
import Tensors

extension Tensor {
  /// Whether the elements can be read as numbers here.
  var holdsNumbers: Bool {
    switch dtype {
    case .f4, .f6e2m3, .f6e3m2, .c64: false
    default: true
    }
  }

  private static let chunk = 1 << 16

  /// What `body` makes of each piece of the elements, read as f64, in order; pieces run on all
  /// cores.
  ///
  /// The borders are fixed, so sums over the result are the same for any number of threads.
  func mapChunks<Part>(_ body: (_ first: Int, UnsafeBufferPointer<Double>) throws -> Part) throws
    -> [Part]
  {
    let size = Tensor.chunk
    let pieces = (count + size - 1) / size
    var parts = [Part?](repeating: nil, count: pieces)
    try parts.withUnsafeMutableBufferPointer { parts in
      nonisolated(unsafe) let parts = parts
      try Parallel.tryForEach(pieces) { piece in
        let range = (piece * size)..<min(count, (piece + 1) * size)
        try withUnsafeTemporaryAllocation(of: Double.self, capacity: range.count) { values in
          guard let base = values.baseAddress else { return }
          try copyDoubles(range, to: base)
          parts[piece] = try body(range.lowerBound, UnsafeBufferPointer(values))
        }
      }
    }
    return parts.compactMap { $0 }
  }
}
