import Foundation
import Formats
import Kernels
import Rounding
import TestSupport
import Tensors
import Testing

/// Inputs as PixArt's `attn2.to_q` and `ff.net.2` have them, which the example model has not: a few
/// channels far larger than the others, on all tokens.
///
/// The magnitudes are those published (LRQ-DiT): up to 245, fixed by channel, on all tokens, others
/// of about 1. Inputs are rounded to E2M3 with a scale for a token and 128 channels.
@Suite struct SalientChannelTests {
  private static let channels = 1152
  private static let tokens = 256
  private static let outputs = 64

  private let x: Matrix
  private let weight: Matrix
  private let moments: SiteMoments

  init() {
    var random = Normals(seed: 1)
    let (channels, tokens) = (SalientChannelTests.channels, SalientChannelTests.tokens)
    x = Matrix(rows: tokens, columns: channels)
    let salient: [Int: Double] = [37: 245, 411: -120, 700: 90, 1033: 60]
    for t in 0..<tokens {
      for k in 0..<channels {
        let value = random.next()
        x.row(t)[k] = Float(
          salient[k].map { $0 * (1 + 0.15 * (2 * random.uniform() - 1)) } ?? value)
      }
    }
    weight = Matrix(
      rows: SalientChannelTests.outputs, columns: channels,
      values: (0..<(SalientChannelTests.outputs * channels)).map { _ in Float(0.03 * random.next())
      })
    let gram = Matrix(rows: channels, columns: channels, zeroed: true)
    var (sum, absmax) = (
      [Float](repeating: 0, count: channels), [Float](repeating: 0, count: channels)
    )
    for t in 0..<tokens {
      let row = x.row(t)
      for i in 0..<channels {
        sum[i] += row[i]
        absmax[i] = max(absmax[i], abs(row[i]))
        let (target, factor) = (gram.row(i), row[i])
        for j in 0..<channels { target[j] += factor * row[j] }
      }
    }
    moments = SiteMoments(
      site: "transformer_blocks.0.attn2.to_q", gram: gram, sum: sum, tokens: tokens, absmax: absmax)
  }

  private func options(center: Bool = false, smooth: Double? = nil, hadamard: Int = 1)
    -> PreparationOptions
  {
    var options = PreparationOptions()
    (options.centers, options.smoothing, options.hadamard) = (center, smooth, hadamard)
    return options
  }

  /// The output's SQNR in dB: of what varies among the tokens and what does not alike.
  private func sqnr(_ options: PreparationOptions, format: String? = nil) throws -> Double {
    let site = try SiteInput(moments, weights: [weight], options: options, readsGELU: false)
    let transform = site.transform
    let prepared = transform(x)
    let activation = try #require(try ActivationFormat.parse("e2m3:token-group"))
    let rounded = activation.rounded(prepared, groupSize: 128)
    var own = transform.weight(weight)
    var bias = [Float](repeating: 0, count: own.rows)
    if let format {
      var rounding = RoundingOptions(WeightLayout(try NumberFormat(format)))
      rounding.method = .gptq
      let objective = try moments.objective(ObjectiveOptions(), transform)
      let layer = try round(
        LayerProblem(place: "m: w", weight: own, objective: objective), options: rounding)
      (own, bias) = (layer.quantized.dequantized(), layer.biasCorrection)
    }
    var (signal, noise) = (0.0, 0.0)
    for t in 0..<x.rows {
      for n in 0..<own.rows {
        var exact = 0.0
        var found = Double(bias[n])
        for k in 0..<x.columns {
          exact += Double(weight.row(n)[k]) * Double(x.row(t)[k])
          found += Double(own.row(n)[k]) * Double(rounded.row(t)[k])
          // W c, which goes into the bias.
          found += Double(weight.row(n)[k]) * Double(transform.center?[k] ?? 0)
        }
        signal += exact * exact
        noise += (exact - found) * (exact - found)
      }
    }
    return 10 * log10(signal / noise)
  }

  /// Two decibels of these sums of squares are no chance: four channels by 64 weights have a
  /// relative standard deviation of sqrt(2 / 256), .4 dB, and a difference has that of two.
  private static let margin = 2.0

  /// With exact weights a rotation alone spreads the channels' constant part over its block, where
  /// it costs the others their precision; the centre takes it out first, and then the rotation
  /// spreads only what varies.
  @Test func `centred inputs may be rotated`() throws {
    let none = try sqnr(options())
    let rotated = try sqnr(options(hadamard: 128))
    let centred = try sqnr(options(center: true))
    let both = try sqnr(options(center: true, hadamard: 128))
    let balanced = try sqnr(options(smooth: 0.5))
    let order = [none, rotated, centred, both]
    for (less, more) in zip(order, order.dropFirst()) {
      #expect(more > less + SalientChannelTests.margin, "\(order)")
    }
    #expect(balanced > rotated + SalientChannelTests.margin)
  }

  /// With 4-bit weights balancing costs the weights what it gives the inputs: centre and rotation
  /// keep more.
  @Test(arguments: ["lloyd4", "e2m1"])
  func `centre and rotation keep most with four bit weights`(format: String) throws {
    let both = try sqnr(options(center: true, hadamard: 128), format: format)
    for other in [options(), options(hadamard: 128), options(smooth: 0.5)] {
      #expect(both > (try sqnr(other, format: format)) + SalientChannelTests.margin)
    }
    #expect(both > (try sqnr(options(center: true), format: format)))
  }
}
