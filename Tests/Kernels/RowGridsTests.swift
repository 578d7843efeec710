import Formats
import Kernels
import TestSupport
import Tensors
import Testing

/// The rounding methods' loops on rows and blocks of matrices: each row meets its own groups, each
/// column its own, and nothing beside the block is touched.
@Suite struct RowGridsTests {
  static let (rows, columns, groupSize) = (3, 90, 32)
  static let block = 40..<72

  /// A case for each row, of scales of its own, and the grids of all.
  private func cases() throws -> (rows: [RoundingCase], grids: RowGrids) {
    let rows = try (0..<Self.rows).map {
      try RoundingCase(
        "e2m1", columns: Self.columns, groupSize: Self.groupSize, isSplit: true, seed: $0)
    }
    let grids = RowGrids(
      rows.flatMap(\.groups), rows: Self.rows, format: rows[0].format,
      groupOfColumn: rows[0].groupOfColumn)
    return (rows, grids)
  }

  private func random(_ rows: Int, _ columns: Int, seed: Int, range: Float = 4) -> Matrix {
    var random = Generator(seed)
    return Matrix(
      rows: rows, columns: columns, values: random.floats(rows * columns, range: range))
  }

  /// The block's part of row `row`.
  private func part(_ matrix: Matrix, _ row: Int) -> [Float] {
    Array(UnsafeBufferPointer(start: matrix.row(row), count: matrix.columns)[Self.block])
  }

  /// `matrix` is `old` but for the block in `rows`.
  private func isKept(_ matrix: Matrix, _ old: [Float], rows: Range<Int>) -> Bool {
    old.indices.allSatisfy {
      let (row, column) = ($0 / matrix.columns, $0 % matrix.columns)
      return rows.contains(row) && Self.block.contains(column)
        || matrix.pointer[$0].bitPattern == old[$0].bitPattern
    }
  }

  @Test func `feed back`() throws {
    let (cases, grids) = try cases()
    let width = Self.block.count
    let (w, target) = (random(3, Self.columns, seed: 1), random(3, Self.columns, seed: 2))
    let factor = random(Self.columns, Self.columns, seed: 3, range: 1)
    let (levels, residual) = (
      random(3, Self.columns, seed: 4), random(3, width + 2, seed: 5)
    )
    let (startTarget, startLevels) = (target.values, levels.values)
    let square = Self.block.flatMap { part(factor, $0) }
    let expected = (0..<3).map {
      cases[$0].feedback(
        part(w, $0), target: part(target, $0), factor: square, first: Self.block.lowerBound)
    }
    grids.feedBack(
      w.block(columns: Self.block), target: target.block(columns: Self.block),
      factor: factor.block(rows: Self.block, columns: Self.block),
      levels: levels.block(columns: Self.block), residual: residual.block(columns: 0..<width))
    for row in 0..<3 {
      #expect(bits(part(target, row)) == bits(expected[row].target))
      #expect(bits(part(levels, row)) == bits(expected[row].levels))
      #expect(
        bits(Array(UnsafeBufferPointer(start: residual.row(row), count: width)))
          == bits(expected[row].residual))
    }
    #expect(isKept(target, startTarget, rows: 0..<3) && isKept(levels, startLevels, rows: 0..<3))
  }

  @Test func descend() throws {
    let (cases, grids) = try cases()
    let width = Self.block.count
    // The rows of a layer that a thread works on lie inside those of the layer.
    let place = 1..<4
    let (levels, gradient) = (
      random(6, Self.columns, seed: 6), random(6, Self.columns, seed: 7, range: 20)
    )
    for row in place {
      for k in Self.block {
        levels.row(row)[k] = cases[row - 1].level(nearest: levels.row(row)[k], column: k)
      }
    }
    let square = RoundingCase.hessian(width, seed: 8)
    let hessian = random(Self.columns, Self.columns, seed: 9)
    for (i, row) in Self.block.enumerated() {
      for (j, k) in Self.block.enumerated() { hessian.row(row)[k] = square[i * width + j] }
    }
    let change = Matrix(rows: 3, columns: width)
    let bars: [Float] = [0, -1, -10]
    let expected = (0..<3).map {
      cases[$0].descent(
        levels: part(levels, $0 + 1), gradient: part(gradient, $0 + 1), hessian: square,
        bar: bars[$0], first: Self.block.lowerBound)
    }
    let (startLevels, startGradient) = (levels.values, gradient.values)
    let changed = grids.descend(
      levels: levels.block(rows: place, columns: Self.block),
      gradient: gradient.block(rows: place, columns: Self.block),
      hessian: hessian.block(rows: Self.block, columns: Self.block), bars: bars,
      change: change.block())
    #expect(changed == expected.reduce(0) { $0 + $1.changed } && changed > 0)
    for row in 0..<3 {
      #expect(bits(part(levels, row + 1)) == bits(expected[row].levels))
      #expect(bits(part(gradient, row + 1)) == bits(expected[row].gradient))
      #expect(
        bits(Array(UnsafeBufferPointer(start: change.row(row), count: width)))
          == bits(expected[row].change))
    }
    #expect(isKept(levels, startLevels, rows: place))
    #expect(isKept(gradient, startGradient, rows: place))
  }

  /// Of one group: the residual of some columns of a row, and what they cost by their importance.
  @Test func `group grid`() throws {
    let (cases, _) = try cases()
    let w = random(3, Self.columns, seed: 10)
    var random = Generator(11)
    let importance = random.floats(Self.columns).map { abs($0) }
    let columns = (2 * Self.groupSize)..<Self.columns
    let grid = GroupGrid(cases[2].groups[2], cases[2].format.levels())
    let residual = Matrix(rows: 2, columns: columns.count, zeroed: true)
    grid.residual(of: w, row: 1, columns: columns, into: residual, row: 1)
    var sum = 0.0
    for k in columns {
      let level = cases[2].level(nearest: w.row(1)[k], column: k)
      let expected = cases[2].value(level, column: k) - w.row(1)[k]
      let place = k - columns.lowerBound
      #expect(residual.row(0)[place] == 0)
      #expect(residual.row(1)[place].bitPattern == expected.bitPattern)
      sum += Double(importance[k]) * Double(expected * expected)
    }
    let error = grid.error(of: w, row: 1, columns: columns, importance: importance)
    #expect(abs(Double(error) - sum) <= 10 * 0x1p-24 * sum)
  }

  /// Each group of AdaRound's weights has bounds of its own, each row a weight of its loss.
  @Test func `soft groups`() {
    let (rows, columns, groupSize) = (3, 40, 16)
    var random = Generator(12)
    let matrices = (0..<4).map { _ in
      Matrix(rows: rows, columns: columns, values: random.floats(rows * columns))
    }
    let (variable, base, gradient) = (matrices[0], matrices[1], matrices[3])
    let step = Matrix(rows: rows, columns: columns, values: matrices[2].values.map { abs($0) })
    let bounds = (1...(rows * 3)).map { index -> ClosedRange<Float> in
      let bound = 0.1 * Float(index)
      return -bound...bound
    }
    let groups = SoftGroups(
      bounds: bounds, columns: columns, groupSize: groupSize, isScaled: false)
    let soft = Matrix(rows: rows + 2, columns: columns, zeroed: true)
    groups.softWeights(
      variable: variable, base: base, step: step, into: soft.block(rows: 1..<(rows + 1)))
    let weights: [Float] = [1, 2, 0]
    let start = gradient.values
    let sum = groups.turn(
      gradient.block(), weights: weights, regulariser: 0, beta: 2, variable: variable, base: base,
      step: step)
    var expectedSum = 0.0
    for row in 0..<rows {
      for k in 0..<columns {
        let own = bounds[row * 3 + k / groupSize]
        let index = row * columns + k
        let s = 1 / (1 + exponential(-Double(variable.row(row)[k])))
        let h = min(1, max(0, 1.2 * s - 0.1))
        let (b, g) = (Double(base.row(row)[k]), Double(step.row(row)[k]))
        let value = min(Double(own.upperBound), max(Double(own.lowerBound), b + h * g))
        #expect(abs(Double(soft.row(row + 1)[k]) - value) < 1e-6)
        expectedSum += 1 - (2 * h - 1) * (2 * h - 1)
        // At the upper bound up means nothing.
        let slope = b + h * g >= Double(own.upperBound) ? 0 : 1.2 * s * (1 - s) * g
        let expected = Double(weights[row]) * Double(start[index]) * slope
        #expect(abs(Double(gradient.row(row)[k]) - expected) < 1e-5)
      }
    }
    #expect(abs(sum - expectedSum) < 1e-4)
    for k in 0..<columns { #expect(soft.row(0)[k] == 0 && soft.row(rows + 1)[k] == 0) }
  }

  /// The first step of Adam is `rate` far, against the gradient, whatever its size.
  @Test func `first Adam step`() {
    let variable = Matrix(rows: 2, columns: 3, values: [1, 2, 3, 4, 5, 6])
    let gradient = Matrix(
      rows: 4, columns: 3, values: [9, 9, 9, 2, -1, 0.5, -0.1, 30, 0, 9, 9, 9])
    let moments = (
      first: Matrix(rows: 2, columns: 3, zeroed: true),
      second: Matrix(rows: 2, columns: 3, zeroed: true)
    )
    adamStep(variable, gradient: gradient.block(rows: 1..<3), moments: moments, rate: 0.5, step: 1)
    for (found, expected) in zip(variable.values, [0.5, 2.5, 2.5, 4.5, 4.5, 6] as [Float]) {
      #expect(abs(found - expected) < 1e-5)
    }
  }
}
