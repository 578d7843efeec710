import Foundation
import Platform
import Tensors

/// How far one tensor is from another of the same shape: signal-to-quantization-noise ratio and
/// largest difference.
///
/// SQNR = 10 log10(sum a^2 / sum (a - b)^2) in dB, the first tensor being the signal. Equal
/// infinities and NaN on both sides count as no difference; a NaN or infinity on one side counts as
/// infinite noise.
package struct TensorDifference {
  package private(set) var signal = 0.0
  package private(set) var noise = 0.0
  package private(set) var largest = 0.0

  package init() {}

  package init(_ a: Tensor, _ b: Tensor) throws {
    precondition(a.shape == b.shape)
    let parts = try a.mapChunks { first, values in
      try withUnsafeTemporaryAllocation(of: Double.self, capacity: values.count) { others in
        guard let base = others.baseAddress else { return TensorDifference() }
        try b.copyDoubles(first..<(first + values.count), to: base)
        return TensorDifference(values, UnsafeBufferPointer(others))
      }
    }
    self = parts.reduce(TensorDifference()) { $0.adding($1) }
  }

  private init(_ a: UnsafeBufferPointer<Double>, _ b: UnsafeBufferPointer<Double>) {
    for index in a.indices {
      let (x, y) = (a[index], b[index])
      if x.isFinite && y.isFinite {
        let difference = abs(x - y)
        signal += x * x
        noise += difference * difference
        if difference > largest { largest = difference }
      } else if !(x == y || x.isNaN && y.isNaN) {
        noise = .infinity
        largest = .infinity
      }
    }
  }

  package func adding(_ other: TensorDifference) -> TensorDifference {
    var sum = self
    sum.signal += other.signal
    sum.noise += other.noise
    sum.largest = max(largest, other.largest)
    return sum
  }

  /// In dB; infinite for equal tensors.
  package var sqnr: Double {
    noise == 0 ? .infinity : noise == .infinity ? -.infinity : 10 * log10(signal / noise)
  }
}
