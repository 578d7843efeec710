import Platform

/// The Box-Muller pair of PyTorch's AVX2 `normal_fill`, bit for bit on every processor.
///
/// Logarithm, sine and cosine are Cephes' in single precision as in avx_mathfun, with multiply-adds
/// fused where the kernel fuses them; the C library's functions differ in about one value of seven.
enum TorchNormal {
  /// Two normal numbers from two uniform ones in [0, 1).
  static func pair(_ first: Float, _ second: Float) -> (cosine: Float, sine: Float) {
    let radius = (-2 * logarithm(1 - first)).squareRoot()
    let (sine, cosine) = sineAndCosine(2 * Float.pi.nextUp * second)
    // The kernel adds the mean, 0, which turns -0 into 0.
    return (radius * cosine + 0, radius * sine + 0)
  }

  /// ln(v) for normal v > 0: mantissa in [sqrt(1/2), sqrt(2)), minus 1, in a polynomial.
  private static func logarithm(_ v: Float) -> Float {
    var exponent = Float(v.exponent + 1)
    let mantissa = v.significand / 2
    var x = mantissa - 1
    if mantissa < 0.707106781186547524 {
      exponent -= 1
      x += mantissa
    }
    let z = x * x
    let y = polynomial(
      x, 7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
      -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)
    var tail = (exponent * -2.12194440e-4).addingProduct(y * x, z)
    tail = tail.addingProduct(z, -0.5)
    return (x + tail).addingProduct(exponent, 0.693359375)
  }

  /// sin(x) and cos(x) for 0 <= x <= 2 pi: x taken to the nearest even multiple of pi/4 in three
  /// parts.
  private static func sineAndCosine(_ angle: Float) -> (sine: Float, cosine: Float) {
    let octant = (Int32(clamping: angle * 1.27323954473516) + 1) & ~1
    let multiple = Float(octant)
    let x = angle.addingProduct(multiple, -0.78515625)
      .addingProduct(multiple, -2.4187564849853515625e-4)
      .addingProduct(multiple, -3.77489497744594108e-8)
    let z = x * x
    let evenTail = polynomial(
      z, 2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
    let even = (-(0.5 * z)).addingProduct(evenTail * z, z) + 1
    let oddTail = polynomial(z, -1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
    let odd = x.addingProduct(oddTail * z, x)
    let (sine, cosine) = octant & 2 == 0 ? (odd, even) : (even, odd)
    return (
      octant & 4 == 0 ? sine : -sine,
      (octant &- 2) & 4 == 0 ? -cosine : cosine
    )
  }

  /// Horner's rule with fused steps, highest coefficient first.
  private static func polynomial(_ x: Float, _ coefficients: Float...) -> Float {
    coefficients.dropFirst().reduce(coefficients[0]) { $1.addingProduct($0, x) }
  }
}
