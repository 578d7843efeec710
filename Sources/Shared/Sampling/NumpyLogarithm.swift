import Foundation

/// numpy's `log` of f32 on x86 with FMA: a rational function of the mantissa, up to 3 ulp off, so
/// that timesteps found by inverting a Karras schedule have the bits of diffusers.
enum NumpyLogarithm {
  private static let numerator: [Float] = [
    2.589979117907922693523e-02, 3.808837741388407920751e-01, 1.480000633576506585156e+00,
    2.112677543073053063722e+00, 9.999999999999998702752e-01, 0,
  ]
  private static let denominator: [Float] = [
    5.875095403124574342950e-03, 1.546476374983906719538e-01, 9.864942958518419960339e-01,
    2.453006071784736363091e+00, 2.612677543073109236779e+00, 1,
  ]

  /// ln(v) for a normal v > 0.
  static func logarithm(_ v: Float) -> Float {
    var exponent = Float(v.exponent)
    var mantissa = v.significand
    if mantissa > Float(2).squareRoot() {
      mantissa /= 2
      exponent += 1
    }
    let x = mantissa - 1
    func polynomial(_ coefficients: [Float]) -> Float {
      coefficients.dropFirst().reduce(coefficients[0]) { $1.addingProduct($0, x) }
    }
    return (polynomial(numerator) / polynomial(denominator)).addingProduct(
      exponent, 0.693147180559945309417)
  }
}
