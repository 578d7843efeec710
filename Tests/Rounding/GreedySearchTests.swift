import Calibration
import Formats
import Foundation
import Platform
import Rounding
import TestSupport
import Tensors
import Testing

/// The search of arXiv 2408.06995 against a loop over all values, formats and clips that rounds by
/// the paper's own formula.
struct GreedySearchTests {
  /// Values whose tails are heavy, as those of a network: a few of a hundred times the size of
  /// most.
  private static func values(_ count: Int, seed: UInt64 = 3) -> [Float] {
    var random = Normals(seed: seed)
    return (0..<count).map { _ in
      let (x, size) = (random.next(), random.next())
      return Float(0.02 * x * exp(size))
    }
  }

  /// A format as the paper has it: exponent and mantissa bits, or an integer's largest value.
  private enum Paper {
    case float(exponent: Int, mantissa: Int)
    case integer(Double)

    init(_ name: String) throws {
      if let match = try /e(\d)m(\d)/.wholeMatch(in: name) {
        self = .float(exponent: Int(match.1) ?? 0, mantissa: Int(match.2) ?? 0)
      } else {
        self = .integer(pow(2, Double(Int(name.dropFirst(3)) ?? 0) - 1) - 1)
      }
    }

    /// Rounds x to the format that ends at `clip`, as Qualcomm's FP8-quantization and the paper do.
    ///
    /// The bias b is a real number,
    /// p = max(1, floor(log2|x| + b)) and the step 2^(p - M - b).
    func round(_ x: Double, clip: Double) -> Double {
      let step: Double
      switch self {
      case .float(let e, let m):
        let (exponent, mantissa) = (Double(e), Double(m))
        let bias = pow(2, exponent) - log2(clip) + log2(2 - pow(2, -mantissa)) - 1
        let p = max(1, (log2(abs(x)) + bias).rounded(.down))
        step = pow(2, p - mantissa - bias)
      case .integer(let largest): step = clip / largest
      }
      return min(max((x / step).rounded(.toNearestOrEven) * step, -clip), clip)
    }
  }

  private struct Found {
    var (format, clip, error) = ("", 0.0, Double.infinity)
  }

  /// The mean squared error of every format and clip, `stored` being the clip as the kept scale has
  /// it.
  private static func errors(
    _ values: [Float], _ formats: [String], stored: (String, Double) throws -> Double = { $1 }
  ) throws -> [Found] {
    let largest = Double(values.map(abs).max() ?? 0)
    return try formats.flatMap { name in
      let paper = try Paper(name)
      return try (0..<111).map { number in
        // linspace(.1, 1.2, 111)
        let clip = try stored(name, largest * (0.1 + 1.1 * Double(number) / 110))
        let sum = values.reduce(0) { sum, value in
          let error = paper.round(Double(value), clip: clip) - Double(value)
          return sum + error * error
        }
        return Found(format: name, clip: clip, error: sum / Double(values.count))
      }
    }
  }

  private static func least(_ found: [Found]) -> Found {
    found.reduce(Found()) { $1.error < $0.error ? $1 : $0 }
  }

  /// One scale, kept in F16, for a weight of four rows.
  @Test(arguments: 1...6)
  func `weights get the best format and clip`(seed: UInt64) throws {
    // Heavy tails, magnitudes spread evenly over e^8, and values as even as a sine's: among them
    // each format is best once.
    var values = Self.values(4 * 150, seed: seed)
    if seed > 4 { values = values.map { Float(signOf: $0, magnitudeOf: exp(4 * sin(1000 * $0))) } }
    if seed < 3 { values = values.map { sin(1000 * $0) } }
    let names = GreedySearch.weightFormats
    let expected = Self.least(
      try Self.errors(values, names) { name, clip in
        let largest = Double(try NumberFormat(name).maxCode)
        return Double(Float16(clip / largest)) * largest
      })
    let weight = Matrix(rows: 4, columns: 150, values: values)
    let scales = try GreedySearch.scales(
      of: weight, formats: names.map { try NumberFormat($0) }, place: "w")
    #expect(scales.format.name == expected.format)
    #expect(scales.groups == 1 && scales.scales.count == 4)
    let clip = Double(scales.format.maxCode) * scales.scales[0]
    #expect(scales.scales.allSatisfy { $0 == scales.scales[0] })
    #expect(abs(clip / expected.clip - 1) < 1e-12)
  }

  /// The errors themselves, of formats of weights and of inputs, for every clip.
  @Test(arguments: [4, 6, 8])
  func `errors are those of rounding`(bits: Int) throws {
    let values = Self.values(300)
    let names = GreedySearch.activationFormats[bits] ?? GreedySearch.weightFormats
    let moments = MagnitudeMoments(of: Matrix(rows: 1, columns: 300, values: values))
    for expected in try Self.errors(values, names) {
      let format = try NumberFormat(expected.format)
      let error = moments.error(format, scale: expected.clip / Double(format.maxCode))
      // Differences of sums in f64 whose terms are up to 2^-53 of all energy: of 300 values a
      // thousandth of what is left at 2^-36.
      #expect(abs(error - expected.error) < 1e-9 * moments.meanSquare + 1e-9 * expected.error)
    }
    let found = try GreedySearch(
      moments, absmax: values.map(abs).max() ?? 0, formats: names.map { try NumberFormat($0) },
      stored: { $0 })
    let expected = Self.least(try Self.errors(values, names))
    #expect(found.format.name == expected.format)
    #expect(abs(found.scale * Double(found.format.maxCode) / expected.clip - 1) < 1e-12)
  }

  /// What MagnitudeMoments promises: roots of mean squared errors within 2^-8 of the values' root
  /// mean square, and 2^-16 where the first bin begins; and so a choice that costs at most twice
  /// that.
  @Test(arguments: [6, 8])
  func `histograms find nearly the best`(bits: Int) throws {
    for seed in 1...3 as ClosedRange<UInt64> {
      let values = Self.values(400, seed: seed)
      let names = try #require(GreedySearch.activationFormats[bits])
      var histogram = MagnitudeHistogram()
      values.withUnsafeBufferPointer { histogram.add($0.baseAddress!, count: $0.count) }
      #expect(histogram.counts.reduce(0, +) == 400)
      let moments = MagnitudeMoments(histogram)
      let power = values.reduce(0) { $0 + Double($1) * Double($1) } / 400
      let bound = 0x1p-8 * power.squareRoot() + 0x1p-16
      #expect(abs(moments.meanSquare.squareRoot() - power.squareRoot()) < bound)
      let exact = try Self.errors(values, names)
      for exact in exact {
        let format = try NumberFormat(exact.format)
        let error = moments.error(format, scale: exact.clip / Double(format.maxCode))
        #expect(abs(error.squareRoot() - exact.error.squareRoot()) < bound)
      }
      let absmax = values.map(abs).max() ?? 0
      let found = try StaticActivation(histogram, absmax: absmax, bits: bits, place: "s")
      #expect(found.format.granularity == .static)
      let format = found.format.format
      let paper = try Paper(format.name)
      let clip = Double(found.scale) * Double(format.maxCode)
      let error = values.reduce(0) {
        let e = paper.round(Double($1), clip: clip) - Double($1)
        return $0 + e * e / 400
      }
      let least = Self.least(exact).error
      #expect(error.squareRoot() < least.squareRoot() + 2 * bound)
      #expect(
        abs((found.relativeError * moments.meanSquare).squareRoot() - error.squareRoot()) < bound)
    }
  }

  @Test func `bins are those of the magnitude`() {
    #expect(MagnitudeHistogram.bin(0) == 0 && MagnitudeHistogram.edge(0) == 0)
    #expect(MagnitudeHistogram.bin(.infinity) == 8191 && MagnitudeHistogram.bin(.nan) == 8191)
    #expect(MagnitudeHistogram.edge(8192) == 65536)
    for bin in 1..<8192 {
      let edge = MagnitudeHistogram.edge(bin)
      #expect(edge == 0x1p-16 * pow(2, Double(bin / 256)) * (1 + Double(bin % 256) / 256))
      #expect(MagnitudeHistogram.bin(Float(edge)) == bin)
      #expect(MagnitudeHistogram.bin(-Float(edge)) == bin)
      #expect(MagnitudeHistogram.bin(Float(edge).nextDown) == bin - 1)
    }
  }

  @Test func `nothing and too much`() throws {
    var histogram = MagnitudeHistogram()
    let none = try StaticActivation(histogram, absmax: 0, bits: 8, place: "s")
    #expect(none.scale == 1 && none.relativeError == 0)
    [Float](repeating: 0, count: 7).withUnsafeBufferPointer {
      histogram.add($0.baseAddress!, count: 7)
    }
    #expect(try StaticActivation(histogram, absmax: 0, bits: 6, place: "s").scale == 1)
    #expect(throws: Failure("activation bits: expected 8 or 6, found 7")) {
      try StaticActivation(histogram, absmax: 0, bits: 7, place: "s")
    }
    #expect(
      throws: Failure(
        "s", "expected inputs of at most 65536 for a static scale, found 65540.0")
    ) { try StaticActivation(histogram, absmax: 65540, bits: 8, place: "s") }
    let e2m1 = [try NumberFormat("e2m1")]
    let zeros = Matrix(rows: 3, columns: 8, zeroed: true)
    let scales = try GreedySearch.scales(of: zeros, formats: e2m1, place: "w")
    #expect(scales.levels(nearest: zeros, mode: .nearest).values.allSatisfy { $0 == 0 })
    zeros.row(1)[2] = .nan
    #expect(throws: Failure("w", "expected finite weights, found nan")) {
      try GreedySearch.scales(of: zeros, formats: e2m1, place: "w")
    }
  }
}
