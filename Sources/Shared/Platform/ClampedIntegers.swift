/// Whole numbers of floating-point ones, which trap nowhere.
///
/// The language's own conversion ends the process for NaN, infinity and what the type cannot hold;
/// a value that comes from a file, an option or a computation with either may be any of them.
extension FixedWidthInteger {
  /// `value` without its fraction, kept within the type; 0 for NaN.
  @inlinable package init(clamping value: Double) {
    if value.isNaN {
      self = 0
    } else {
      // The largest of 64 bits is no double: what rounds to 2^63 is out of range too.
      self = Self(exactly: value.rounded(.towardZero)) ?? (value < 0 ? .min : .max)
    }
  }

  /// `value` without its fraction, kept within the type; 0 for NaN.
  @inlinable package init(clamping value: Float) { self.init(clamping: Double(value)) }
}
