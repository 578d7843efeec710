import Tensors

/// The type in which a group's scale is stored.
package enum ScaleStorage: String, Sendable, CaseIterable {
  case f16
  /// Beside one F32 for the whole weight.
  case e4m3

  package var dtype: DType { self == .f16 ? .f16 : .f8e4m3 }
}
