import Tensors

/// The type in which a group's scale is stored: its values, its bytes, and what stands beside it.
package enum ScaleStorage: String, Sendable, CaseIterable {
  case f16
  /// Beside one F32 for the whole weight, as NVFP4 has it.
  case e4m3

  package var dtype: DType {
    switch self {
    case .f16: .f16
    case .e4m3: .f8e4m3
    }
  }

  /// Whether one F32 scale for the whole weight stands beside them.
  package var isBesideGlobal: Bool {
    switch self {
    case .f16: false
    case .e4m3: true
    }
  }

  /// Whether a weight below zero that rounds to zero gets the code of -0, as what others write in
  /// this type has it (NVFP4).
  package var keepsSignOfZero: Bool {
    switch self {
    case .f16: false
    case .e4m3: true
    }
  }

  /// The largest value.
  package var largest: Double {
    switch self {
    case .f16: Double(Float16.greatestFiniteMagnitude)
    case .e4m3: Float8E4M3.largest
    }
  }

  /// Scales below this lose more than 3% to rounding, which is seen beside codes of 4 bits; where
  /// one stands beside a global scale, that scale is chosen so that it does not matter.
  package var smallestKept: Double {
    switch self {
    case .f16: 0x1p-20
    case .e4m3: 0
    }
  }

  /// The value nearest to `scale` > 0: at most `largest`, and at least the smallest above 0, so
  /// that no nonzero group vanishes.
  package func rounded(_ scale: Double) -> Double {
    switch self {
    case .f16: max(Double(Float16(min(scale, largest))), Double(Float16.leastNonzeroMagnitude))
    case .e4m3: max(Float8E4M3.rounded(scale), Float8E4M3.smallest)
    }
  }

  /// What is stored for a group of zeros in E4M3, whose readers may divide by it:
  /// compressed-tensors' value.
  private static let emptyScale = 0.125

  /// A tensor of `values`, each one of the type's; 0 for a group of zeros.
  package func tensor(_ name: String, shape: [Int], values: [Double]) -> Tensor {
    switch self {
    case .f16: Tensor(name: name, dtype: dtype, shape: shape, values: values.map { Float16($0) })
    case .e4m3:
      Tensor(
        name: name, dtype: dtype, shape: shape,
        values: values.map { Float8E4M3.bits($0 == 0 ? ScaleStorage.emptyScale : $0) })
    }
  }
}
