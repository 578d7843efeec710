import Foundation
import Rounding
import Tensors
import Testing

/// Weights that make of rounded inputs what the float layer makes of its own.
@Suite struct PrefixCorrectionTests {
  private static let channels = 24
  private let x: Matrix
  private let z: Matrix

  /// z = A x + noise, both about means that differ.
  init() {
    let (count, tokens) = (PrefixCorrectionTests.channels, 3000)
    var random = Normals(seed: 7)
    let mixing = (0..<(count * count)).map { _ in 0.1 * random.next() }
    x = Matrix(rows: tokens, columns: count)
    z = Matrix(rows: tokens, columns: count)
    for t in 0..<tokens {
      for k in 0..<count { x.row(t)[k] = Float(0.5 + random.next()) }
      for k in 0..<count {
        var value = Double(x.row(t)[k]) + 0.2 + 0.05 * random.next()
        for j in 0..<count { value += mixing[k * count + j] * Double(x.row(t)[j]) }
        z.row(t)[k] = Float(value)
      }
    }
  }

  private func correction() -> PrefixCorrection {
    let correction = PrefixCorrection(inputs: PrefixCorrectionTests.channels)
    for range in [0..<1000, 1000..<3000] {
      func part(_ m: Matrix) -> Matrix {
        Matrix(
          rows: range.count, columns: m.columns,
          values: Array(m.values[(range.lowerBound * m.columns)..<(range.upperBound * m.columns)]))
      }
      correction.add(float: part(x), rounded: part(z))
    }
    return correction
  }

  /// The change P solves the normal equations P (E[z z'] + damping d I) = E[(x - z) z'], whose
  /// moments are computed here by their definitions.
  @Test(arguments: [false, true])
  func `solves the normal equations`(isCentred: Bool) throws {
    let count = PrefixCorrectionTests.channels
    let tokens = Double(x.rows)
    func mean(_ m: Matrix, _ k: Int) -> Double {
      isCentred ? (0..<m.rows).reduce(0) { $0 + Double(m.row($1)[k]) } / tokens : 0
    }
    let means = (0..<count).map { (x: mean(x, $0), z: mean(z, $0)) }
    var gram = [Double](repeating: 0, count: count * count)
    var cross = gram
    for t in 0..<x.rows {
      for i in 0..<count {
        let zi = Double(z.row(t)[i]) - means[i].z
        let lost = Double(x.row(t)[i]) - means[i].x - zi
        for j in 0..<count {
          let zj = Double(z.row(t)[j]) - means[j].z
          gram[i * count + j] += zi * zj / tokens
          cross[i * count + j] += lost * zj / tokens
        }
      }
    }
    let damping = 0.02
    let added = damping * (0..<count).reduce(0) { $0 + gram[$1 * count + $1] } / Double(count)
    let change = try #require(correction().change(damping: damping, isCentred: isCentred))
    var (worst, largest) = (0.0, 0.0)
    for i in 0..<count {
      for j in 0..<count {
        var left = Double(change.row(i)[j]) * added
        for k in 0..<count { left += Double(change.row(i)[k]) * gram[k * count + j] }
        worst = max(worst, abs(left - cross[i * count + j]))
        largest = max(largest, abs(cross[i * count + j]))
      }
    }
    // Products of 2000 tokens in f32, and an answer in f32: sqrt(2000) * 2^-24 of sums of squares
    // about as large as cross itself.
    #expect(worst < 1e-4 * largest, "\(worst) of \(largest)")
    #expect(largest > 0.05)
  }

  /// What it is for: W* z is nearer to W x than W z, by nearly all that z tells of x.
  @Test func `corrected weights give the float output`() throws {
    let count = PrefixCorrectionTests.channels
    let change = try #require(correction().change(damping: 1e-4, isCentred: true))
    // W = 1: (x - mean x) against (1 + P) (z - mean z); the mean is the bias's.
    let shift = correction().meanShift
    var (before, after) = (0.0, 0.0)
    let mean = (0..<count).map { k in
      (0..<x.rows).reduce(0) { $0 + Double(z.row($1)[k]) } / Double(x.rows)
    }
    for t in stride(from: 0, to: x.rows, by: 100) {
      let lost = (0..<count).map { Double(z.row(t)[$0] - x.row(t)[$0]) - shift[$0] }
      for i in 0..<count {
        var made = -lost[i]
        for k in 0..<count {
          made -= Double(change.row(i)[k]) * (Double(z.row(t)[k]) - mean[k])
        }
        before += lost[i] * lost[i]
        after += made * made
      }
    }
    // Mixing has a variance of 24 * .01 a channel, the noise .0025; .01 remain of the former if the
    // damping is felt at all.
    #expect(after < 0.05 * before, "\(after / before)")
  }

  /// Where nothing was rounded before, nothing is made up for.
  @Test func `equal inputs change nothing`() {
    let correction = PrefixCorrection(inputs: PrefixCorrectionTests.channels)
    correction.add(float: x, rounded: x)
    #expect(correction.change(damping: 0.01, isCentred: true) == nil)
    #expect(PrefixCorrection(inputs: 3).change(damping: 0.01, isCentred: false) == nil)
  }
}
