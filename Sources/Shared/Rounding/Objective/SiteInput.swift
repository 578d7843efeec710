import Foundation
import Kernels
import Platform
import Tensors

/// How inputs are prepared for few bits, `fpq-round --center --smooth --hadamard`.
package struct PreparationOptions: Sendable {
  /// Subtract the mean of each channel; after the GELU, when there is no rotation, its lower bound,
  /// so that codes need no sign.
  package var centers = false
  /// The exponent alpha of SmoothQuant's balance s = spread(x)^alpha / rms(w)^(1 - alpha); nil:
  /// none.
  package var smoothing: Double?
  /// Channels of a block of the Hadamard transform, at most; 1: none.
  package var hadamard = 1

  package init() {}
}

/// How the input of one site is prepared, which the layers that read it share.
package struct SiteInput {
  package let transform: InputTransform
  /// The prepared input is never negative.
  package let isNonnegative: Bool

  /// GELU's least value is -.17004.
  private static let geluLowerBound: Float = -0.17004

  /// - Parameters:
  ///   - moments: of the site.
  ///   - weights: of all layers that read it, each [outputs][inputs].
  ///   - options: what to do.
  ///   - readsGELU: whether the site is the output of a feed-forward network's GELU.
  /// - Throws: `Failure` naming the site for a mean that F16 does not hold.
  package init(
    _ moments: SiteMoments, weights: [Matrix], options: PreparationOptions, readsGELU: Bool
  ) throws {
    let channels = moments.sum.count
    // There is nothing to centre or balance by where nothing was seen.
    let centers = options.centers && moments.tokens > 0
    let smoothing = moments.tokens > 0 ? options.smoothing : nil
    // The largest block of a power of two that divides the channels.
    let hadamard = min(options.hadamard, channels & -channels)
    // Centre and balance are kept in F16: what runs must be what was rounded for.
    isNonnegative = centers && hadamard == 1 && readsGELU
    var center: [Float]?
    if centers {
      center =
        isNonnegative
        ? Array(repeating: Float(Float16(SiteInput.geluLowerBound)), count: channels)
        : moments.mean.map { Float(Float16($0)) }
      guard center?.allSatisfy(\.isFinite) == true else {
        throw Failure(moments.site, "expected means within F16 for --center, found a larger one")
      }
    }
    let smooth = smoothing.map {
      SiteInput.balance(moments.spread(about: center), weights, alpha: $0)
    }
    transform = InputTransform(center: center, smooth: smooth, hadamard: hadamard)
  }

  /// spread^alpha / rms^(1 - alpha) of each channel, about 1 on average; 1 for channels without
  /// either.
  private static func balance(_ spread: [Double], _ weights: [Matrix], alpha: Double) -> [Float] {
    let rows = weights.reduce(0) { $0 + $1.rows }
    let raw = spread.indices.map { k -> Double in
      var square = 0.0
      for weight in weights {
        for row in 0..<weight.rows {
          square += Double(weight.row(row)[k]) * Double(weight.row(row)[k])
        }
      }
      let rms = (square / Double(max(1, rows))).squareRoot()
      return spread[k] > 0 && rms > 0 ? pow(spread[k], alpha) / pow(rms, 1 - alpha) : 0
    }
    let positive = raw.filter { $0 > 0 }
    let mean = positive.reduce(0, +) / Double(max(1, positive.count))
    return raw.map { $0 > 0 ? Float(Float16(min(max($0 / mean, 0x1p-10), 0x1p10))) : 1 }
  }

  /// `S.center` and `S.smooth` of site `S`, as they are stored.
  package func tensors(site: String) -> [Tensor] {
    [("center", transform.center), ("smooth", transform.smooth)].compactMap { name, values in
      values.map {
        Tensor(
          name: "\(site).\(name)", dtype: .f16, shape: [$0.count], values: $0.map { Float16($0) })
      }
    }
  }

  /// W c of every row of `weight`, what the centre adds to a layer's output.
  package func constant(_ weight: Matrix) -> [Double] {
    guard let center = transform.center else { return Array(repeating: 0, count: weight.rows) }
    return center.withUnsafeBufferPointer { center in
      (0..<weight.rows).map { dot(weight.columns, weight.row($0), center.baseAddress!) }
    }
  }
}
