import Formats
import Platform
import Tensors

/// The static activation format of an input site and its one scale, as `GreedySearch` finds them.
package struct StaticActivation {
  package let format: ActivationFormat
  /// Positive; 1 for a site that saw nothing but zeros.
  package let scale: Float
  /// The mean squared error over the mean square of the calibration inputs.
  package let relativeError: Double

  /// Searches the formats of `bits` bits.
  ///
  /// - Parameters:
  ///   - histogram: of the site's inputs, over all steps.
  ///   - absmax: the largest |x| of them.
  ///   - bits: a key of `GreedySearch.activationFormats`.
  ///   - place: names the site in a failure.
  /// - Throws: `Failure` for bits without formats, and for inputs that the histogram does not tell
  ///   apart.
  package init(_ histogram: MagnitudeHistogram, absmax: Float, bits: Int, place: String) throws {
    guard let names = GreedySearch.activationFormats[bits] else {
      throw Failure("activation bits: expected 8 or 6, found \(bits)")
    }
    guard Double(absmax) <= MagnitudeHistogram.upperEdge else {
      throw Failure(place, "expected inputs of at most 65536 for a static scale, found \(absmax)")
    }
    let moments = MagnitudeMoments(histogram)
    let found = GreedySearch(
      moments, absmax: absmax, formats: try names.map { try NumberFormat($0) },
      stored: { $0 > 0 ? Double(max(Float($0), .leastNormalMagnitude)) : 1 })
    format = ActivationFormat(format: found.format, granularity: .static)
    scale = Float(found.scale)
    relativeError = moments.meanSquare > 0 ? found.error / moments.meanSquare : 0
  }

  /// `S.input_scale` of site `S`, as it is stored.
  package func tensor(site: String) -> Tensor {
    Tensor(name: "\(site).input_scale", dtype: .f32, shape: [], values: [scale])
  }
}
