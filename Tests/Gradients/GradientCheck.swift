import Gradients
import Tensors
import TestSupport
import Testing

/// Recorded gradients against finite differences of the loss sum(R y), R random and the sum in f64.
///
/// One operand at a time moves along a random direction of -1 and 1, so that every element takes
/// part: by the five-point formula D(h) = (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h which must
/// equal <gradient, direction>. Values and steps are whole multiples of 2^-12, so every point is
/// exact in f32.
struct GradientCheck {
  /// The point at which gradients are taken.
  let operands: [Matrix]
  /// What each element of y, or of a gradient, may be off by: this many units (2^-24) of the
  /// largest.
  let roundings: Double
  let operation: (Tape, [Variable]) -> Variable

  /// One comparison: what was found, and by how much it may differ.
  struct Comparison {
    let recorded: Double
    let measured: Double
    let tolerance: Double
    /// The length of the gradient, which a scalar product with a random direction is as large as.
    let length: Double

    var isClose: Bool { abs(recorded - measured) <= tolerance }
  }

  /// Expects gradients of all operands that agree, by comparisons sharp enough to tell.
  ///
  /// A part of the gradient that is missing or wrong changes the product by about its own length:
  /// one of a five-hundredth of the whole shows.
  func expectAgreement(step: Float = 0.125, sourceLocation: SourceLocation = #_sourceLocation) {
    for operand in operands.indices {
      for direction in 0..<4 {
        let found = compare(operand, step: step, seed: direction)
        #expect(
          found.isClose,
          "operand \(operand): \(found.recorded), \(found.measured) +- \(found.tolerance) measured",
          sourceLocation: sourceLocation)
        #expect(
          found.tolerance <= 0.002 * found.length, "operand \(operand): too blunt",
          sourceLocation: sourceLocation)
      }
    }
  }

  func compare(_ operand: Int, step: Float, seed: Int) -> Comparison {
    let variables = operands.indices.map { index in
      Variable(operands[index], wantsGradient: index == operand)
    }
    let tape = Tape()
    let y = operation(tape, variables)
    var random = Generator(seed * 100 + operand)
    let weights = random.floats(y.value.count)
    tape.backward(
      from: y,
      gradient: Matrix(rows: y.value.rows, columns: y.value.columns, values: weights))
    let gradient =
      variables[operand].gradient?.take()?.values
      ?? [Float](repeating: .nan, count: operands[operand].count)
    let direction = gradient.map { _ in random.below(2) == 0 ? Float(-1) : 1 }

    let differences = [step, 2 * step].map { h in
      let near = loss(operand, direction, h, weights) - loss(operand, direction, -h, weights)
      let far = loss(operand, direction, 2 * h, weights) - loss(operand, direction, -2 * h, weights)
      return (8 * near - far) / Double(12 * h)
    }
    // Truncation falls by 16 as the step halves: the difference of the two is 15 times what D(h) is
    // off by. Rounding errors of f add like sqrt(count) and enter 18 times over 12h; four times
    // that is far out. The gradient's own stand beside its largest element.
    let unit = 0x1p-24 * roundings
    let norm = weights.reduce(0) { $0 + Double($1 * $1) }.squareRoot()
    let rounding = unit * Double(y.value.values.map(abs).max() ?? 0) * norm
    let largest = Double(gradient.map(abs).max() ?? 0)
    return Comparison(
      recorded: zip(gradient, direction).reduce(0) { $0 + Double($1.0 * $1.1) },
      measured: differences[0],
      tolerance: abs(differences[1] - differences[0]) + 4 * 1.5 * rounding / Double(step)
        + 4 * unit * largest * Double(gradient.count).squareRoot(),
      length: gradient.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot())
  }

  /// sum(R y) with one operand `step` further along `direction`.
  private func loss(
    _ operand: Int, _ direction: [Float], _ step: Float, _ weights: [Float]
  ) -> Double {
    let moved = Matrix(
      rows: operands[operand].rows, columns: operands[operand].columns,
      values: zip(operands[operand].values, direction).map { $0 + step * $1 })
    let variables = operands.indices.map { Variable($0 == operand ? moved : operands[$0]) }
    let y = operation(Tape(), variables)
    return zip(y.value.values, weights).reduce(0) { $0 + Double($1.0) * Double($1.1) }
  }
}

/// Random values of -range to range, whole multiples of 2^-12.
func point(_ rows: Int, _ columns: Int, seed: Int, range: Float = 1) -> Matrix {
  var random = Generator(seed)
  let values = random.floats(rows * columns, range: range).map { ($0 * 4096).rounded() / 4096 }
  return Matrix(rows: rows, columns: columns, values: values)
}
