import Formats
import Foundation
import Rounding
import Tensors

/// A layer with normal weights and correlated inputs of uneven energy and nonzero mean, the same on
/// every run.
struct SyntheticLayer {
  let weight: Matrix
  let gram: Matrix
  let sum: [Float]
  let tokens: Int

  /// Energies fall by exp(-steepness) from the strongest channel to the weakest, in no order.
  init(outputs: Int, inputs: Int, tokens: Int, steepness: Double = 4, seed: UInt64 = 1) {
    var random = Normals(seed: seed)
    self.tokens = tokens
    weight = Matrix(
      rows: outputs, columns: inputs,
      values: (0..<(outputs * inputs)).map { _ in Float(0.05 * random.next()) })
    let strength = (0..<inputs).map { k in
      exp(-steepness * Double((k * 7919) % inputs) / Double(inputs))
    }
    let mean = strength.map { 0.5 * $0 * random.next() }
    let x = Matrix(rows: tokens, columns: inputs)
    for t in 0..<tokens {
      // Neighbours share half their variance, and all channels some of it.
      let common = random.next()
      var last = random.next()
      for k in 0..<inputs {
        let own = random.next()
        x.row(t)[k] = Float(mean[k] + strength[k] * (0.3 * common + 0.7 * last + 0.7 * own))
        last = 0.7 * last + 0.7 * own
      }
    }
    let gram = Matrix(rows: inputs, columns: inputs, zeroed: true)
    var sum = [Float](repeating: 0, count: inputs)
    for t in 0..<tokens {
      let row = x.row(t)
      for i in 0..<inputs {
        sum[i] += row[i]
        for j in 0..<inputs { gram.row(i)[j] += row[i] * row[j] }
      }
    }
    self.gram = gram
    self.sum = sum
  }

  func objective(_ options: ObjectiveOptions = ObjectiveOptions()) throws -> SiteObjective {
    try SiteObjective(
      site: "site", gram: gram, sum: sum, tokens: Double(tokens), options: options)
  }

  func problem(_ options: ObjectiveOptions = ObjectiveOptions()) throws -> LayerProblem {
    LayerProblem(place: "m: w", weight: weight, objective: try objective(options))
  }

  /// The mean squared output error over tr(W G W') / n by its definition in f64, from the bytes
  /// that are written.
  func error(of rounded: RoundedLayer) -> Double {
    let values = rounded.quantized.dequantized()
    let branch = rounded.branch?.weight()
    let count = weight.columns
    func rows(_ body: (Int, Int) -> Double) -> [[Double]] {
      (0..<weight.rows).map { row in (0..<count).map { body(row, $0) } }
    }
    let g = (0..<count).map { i in (0..<count).map { Double(gram.row(i)[$0]) } }
    let mean = sum.map { Double($0) / Double(tokens) }
    let e = rows {
      Double(values.row($0)[$1]) + Double(branch?.row($0)[$1] ?? 0) - Double(weight.row($0)[$1])
    }
    var total = quadratic(e, g) / Double(tokens)
    // The mean of (e'x + b)^2 is e'Ge/n + 2 b e'mu + b^2.
    for (row, b) in zip(e, rounded.biasCorrection.map { Double($0) }) {
      total += 2 * b * zip(row, mean).reduce(0) { $0 + $1.0 * $1.1 } + b * b
    }
    let w = rows { Double(weight.row($0)[$1]) }
    return total / (quadratic(w, g) / Double(tokens))
  }
}

/// Normal numbers by Box and Muller from a linear congruential generator (Knuth's MMIX constants).
struct Normals {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func uniform() -> Double {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (Double(state >> 11) + 0.5) / 9_007_199_254_740_992
  }

  mutating func next() -> Double {
    (-2 * log(uniform())).squareRoot() * cos(2 * Double.pi * uniform())
  }
}

/// tr(E C E') in f64 by its definition.
func quadratic(_ e: [[Double]], _ c: [[Double]]) -> Double {
  var total = 0.0
  for row in e {
    for i in c.indices {
      var sum = 0.0
      for j in c.indices { sum += c[i][j] * row[j] }
      total += row[i] * sum
    }
  }
  return total
}
