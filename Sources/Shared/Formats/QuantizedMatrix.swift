import Tensors

/// A weight [rows][columns] as low-bit codes, one per byte, and the scales they were chosen for.
package struct QuantizedMatrix: Sendable, Equatable {
  /// [rows][columns]; a negative zero only from rounding to nearest with E4M3 scales or a shared
  /// bit.
  package let codes: [UInt8]
  package let scales: GroupScales

  package init(codes: [UInt8], scales: GroupScales) {
    precondition(codes.count == scales.rows * scales.columns, "a code for every weight")
    self.codes = codes
    self.scales = scales
  }

  /// Rounds `weight` to the values nearest to it.
  package init(nearest weight: Matrix, scales: GroupScales) {
    self.init(codes: scales.codes(nearest: weight), scales: scales)
  }

  package var format: NumberFormat { scales.format }

  /// The values [rows][columns] in f32.
  package func dequantized() -> Matrix { scales.values(of: codes) }
}
