import Formats
import Kernels
import Platform
import Tensors

/// The greedy search of format and clip of arXiv 2408.06995 (Chen and others): per tensor, weights
/// first, then activations.
///
/// For each format and each of 111 clips c, linspace(.1, 1.2) of the absolute maximum, the tensor
/// is rounded to levels * c / maxCode; the pair with the least mean squared error wins, of equal
/// ones the first. As both errors are those of the tensors themselves, a layer's weight does not
/// enter its input's search.
///
/// Limitations: no E5M2 among the formats of inputs, as its levels go beyond Int32. For inputs
/// above 2^-15 of the clip its error is four times E4M3's.
package struct GreedySearch {
  /// Of a weight, in the order in which they are tried.
  package static let weightFormats = ["e1m2", "e2m1", "e3m0"]
  /// Of an input, by its bits.
  package static let activationFormats = [
    8: ["e2m5", "e3m4", "e4m3"], 6: ["e2m3", "e3m2", "int6", "e4m1"],
  ]
  private static let clips = (0..<111).map { 0.1 + 0.01 * Double($0) }

  /// What was found.
  package let format: NumberFormat
  /// Positive, but 0 or as `stored` makes it when all values are 0.
  package let scale: Double
  /// The mean squared error.
  package let error: Double

  /// Searches `formats`.
  ///
  /// - Parameters:
  ///   - moments: of the tensor.
  ///   - absmax: its largest magnitude.
  ///   - formats: symmetric; at least one.
  ///   - stored: the scale as it will be kept, which is the one that is judged.
  package init(
    _ moments: MagnitudeMoments, absmax: Float, formats: [NumberFormat],
    stored: (Double) -> Double
  ) {
    var best: GreedySearch?
    for format in formats {
      for clip in GreedySearch.clips {
        let scale = stored(Double(absmax) * clip / Double(format.maxCode))
        let error = moments.error(format, scale: scale)
        if error < best?.error ?? .infinity {
          best = GreedySearch(format: format, scale: scale, error: error)
        }
      }
    }
    self = best!
  }

  private init(format: NumberFormat, scale: Double, error: Double) {
    (self.format, self.scale, self.error) = (format, scale, error)
  }

  /// One scale for all of `weight`, in one of `formats`: the same for each row.
  ///
  /// - Parameters:
  ///   - weight: [rows][columns].
  ///   - formats: symmetric, of 4 to 6 bits.
  ///   - place: names the weight in a failure.
  /// - Returns: [rows][1].
  /// - Throws: `Failure` for a row that is longer than a group may be, or a weight that is not
  ///   finite.
  package static func scales(
    of weight: Matrix, formats: [NumberFormat], place: String
  ) throws -> GroupScales {
    let longest = PackedMatrix.longestGroup
    guard weight.columns <= longest else {
      throw Failure(
        place, "expected at most \(longest) inputs for one scale, found \(weight.columns)")
    }
    var absmax: Float = 0
    for index in 0..<weight.count {
      let value = weight.pointer[index]
      guard value.isFinite else { throw Failure(place, "expected finite weights, found \(value)") }
      absmax = max(absmax, abs(value))
    }
    var precision = GroupScales.Precision.stored(global: 1)
    func scales(_ format: NumberFormat) -> GroupScales {
      GroupScales(
        WeightLayout(format, .weight), rows: weight.rows, columns: weight.columns,
        precision: precision)
    }
    var largest = scales(formats[0])
    largest.scales = largest.scales.map { _ in Double(absmax) / Double(formats[0].maxCode) }
    if largest.areHeldBadly { precision = .stored(shifting: largest) }
    let found = GreedySearch(
      MagnitudeMoments(of: weight), absmax: absmax, formats: formats,
      stored: scales(formats[0]).stored)
    var chosen = scales(found.format)
    chosen.scales = chosen.scales.map { _ in found.scale }
    return chosen
  }
}
