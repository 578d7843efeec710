import Formats
import Platform
import Rounding
import TestSupport
import Tensors
import Testing

/// Branches of low rank against LAPACK's singular value decomposition (Tests/References/low-rank).
struct LowRankTests {
  private let weight: Matrix
  private let objective: SiteObjective
  private let golden: SafetensorsFile
  private let facts: JSON

  init() throws {
    golden = try References.tensors("low-rank/io.safetensors")
    facts = try ModelConfig(References.path("low-rank/case.json")).json
    weight = try LowRankTests.matrix(golden.tensor("weight"))
    var options = ObjectiveOptions()
    options.damping = try #require(facts["damping"]?.double)
    objective = try SiteObjective(
      site: "s", gram: LowRankTests.matrix(golden.tensor("gram")),
      sum: golden.tensor("sum").floats(), tokens: #require(facts["tokens"]?.double),
      options: options)
  }

  private static func matrix(_ tensor: Tensor) throws -> Matrix {
    Matrix(rows: tensor.shape[0], columns: tensor.shape[1], values: try tensor.floats())
  }

  private func branch(
    _ weight: Matrix, rank: Int, _ metric: RankMetric = .weight
  ) throws -> LowRankBranch {
    try LowRankBranch(of: weight, rank: rank, metric: metric, objective: objective, place: "m: w")
  }

  /// What F16 factors may be off by, [rows][columns]: 2^-11 of each, of all products.
  private func rounding(_ branch: LowRankBranch) -> [[Double]] {
    (0..<branch.up.rows).map { n in
      (0..<branch.down.columns).map { k in
        (0..<branch.rank).reduce(0) {
          $0 + 0x1.01p-10 * Double(abs(branch.up.row(n)[$1] * branch.down.row($1)[k]))
        }
      }
    }
  }

  private func rows(_ matrix: Matrix) -> [[Double]] {
    (0..<matrix.rows).map { n in (0..<matrix.columns).map { Double(matrix.row(n)[$0]) } }
  }

  @Test(arguments: RankMetric.allCases, [1, 6])
  func `is the nearest`(metric: RankMetric, rank: Int) throws {
    let name = "\(metric.rawValue).\(rank)"
    let expected = try rows(LowRankTests.matrix(golden.tensor(name)))
    let found = try branch(weight, rank: rank, metric)
    #expect(found.up.columns == rank && found.down.rows == rank)
    let values = rows(found.weight())
    let allowed = rounding(found)
    // The covariance in f32 is off by 2^-24 of its largest elements. It enters by the gap of the
    // singular values: to half their ratio less one, here at least .02, and by the damping, a
    // hundredth of the mean.
    let largest = expected.joined().map(abs).max() ?? 0
    for n in 0..<weight.rows {
      for k in 0..<weight.columns {
        let difference = abs(values[n][k] - expected[n][k])
        #expect(difference <= allowed[n][k] + 0x1p-24 * 50 * 100 * largest, "\(name) [\(n)][\(k)]")
      }
    }

    // Eckart and Young: no other branch of this rank loses less, and this one only what its
    // factors' rounding adds. The rounding changes it to second order: along a factor there is no
    // slope at the best.
    func loss(_ e: [[Double]], _ h: [[Double]]) -> Double {
      metric == .output ? quadratic(e, h) : e.joined().reduce(0) { $0 + $1 * $1 }
    }
    let h = try hessian()
    let residual = zip(rows(weight), values).map { zip($0, $1).map { $0 - $1 } }
    let (least, lost) = (try #require(facts["losses"]?[name]?.double), loss(residual, h))
    let added = loss(allowed, h.map { $0.map(abs) })
    #expect(lost >= least * (1 - 1e-6) && lost <= (least + added) * (1 + 1e-6))
  }

  /// H in f64 by its definition.
  private func hessian() throws -> [[Double]] {
    let tokens = try #require(facts["tokens"]?.double)
    let damping = try #require(facts["damping"]?.double)
    let gram = try rows(LowRankTests.matrix(golden.tensor("gram")))
    let mean = try golden.tensor("sum").floats().map { Double($0) / tokens }
    var h = zip(gram, mean).map { row, m in zip(row, mean).map { $0 / tokens - m * $1 } }
    let diagonal = h.indices.reduce(0) { $0 + h[$1][$1] } / Double(h.count)
    for i in h.indices { h[i][i] += damping * diagonal }
    return h
  }

  private func expectToBe(_ weight: Matrix, _ branch: LowRankBranch) {
    let (allowed, values) = (rounding(branch), branch.weight())
    let largest = Double(weight.values.map(abs).max() ?? 0)
    for n in 0..<weight.rows {
      for k in 0..<weight.columns {
        let difference = Double(values.row(n)[k]) - Double(weight.row(n)[k])
        // Products of f32.
        #expect(abs(difference) <= allowed[n][k] + 0x1p-20 * largest)
      }
    }
  }

  @Test(arguments: RankMetric.allCases)
  func `all directions are the weight`(metric: RankMetric) throws {
    let few = Matrix(rows: 5, columns: weight.columns)
    few.pointer.update(from: weight.pointer, count: few.count)
    expectToBe(few, try branch(few, rank: 5, metric))
    // Two directions, where more are asked for, and none.
    var random = Generator(2)
    let (left, right) = (random.floats(2 * weight.rows), random.floats(2 * weight.columns))
    let thin = Matrix(rows: weight.rows, columns: weight.columns)
    for n in 0..<thin.rows {
      for k in 0..<thin.columns {
        thin.row(n)[k] =
          left[2 * n] * right[2 * k] + 0.1 * left[2 * n + 1] * right[2 * k + 1]
      }
    }
    expectToBe(thin, try branch(thin, rank: 4, metric))
    let zeros = Matrix(rows: weight.rows, columns: weight.columns, zeroed: true)
    expectToBe(zeros, try branch(zeros, rank: 3, metric))
  }

  /// Both factors take half of a weight's size, exactly where it is a power of two.
  @Test func `size is shared by the factors`() throws {
    let larger = Matrix(
      rows: weight.rows, columns: weight.columns, values: weight.values.map { 256 * $0 })
    let (one, other) = (try branch(weight, rank: 6), try branch(larger, rank: 6))
    #expect(other.up.values == one.up.values.map { 16 * $0 })
    #expect(other.down.values == one.down.values.map { 16 * $0 })
  }

  /// A slowly falling spectrum: reflections of a diagonal of 1 - i/300, i < 256, whose singular
  /// values these are.
  ///
  /// 64 vectors are iterated for 16. What the last misses falls by
  /// ((1 - 64/300) / (1 - 15/300))^4 = .47 a step, so 16 steps leave 6e-6 of a start of about
  /// 256/64 of its energy, 2e-5; less than .7 % of the energy that the branch leaves belongs to one
  /// direction. Ten steps fewer fail.
  @Test func `slow spectra converge`() throws {
    let count = 256
    var random = Normals(seed: 3)
    func reflection() -> [Double] {
      let v = (0..<count).map { _ in random.next() }
      let norm = v.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return v.map { $0 / norm }
    }
    let values = (0..<count).map { 1 - Double($0) / 300 }
    let (u, v) = (reflection(), reflection())
    // (1 - 2 u u') D (1 - 2 v v').
    let inner = zip(zip(u, v), values).reduce(0) { $0 + $1.0.0 * $1.1 * $1.0.1 }
    let matrix = Matrix(rows: count, columns: count)
    for i in 0..<count {
      for j in 0..<count {
        let diagonal = i == j ? values[i] : 0
        let rest = -2 * u[i] * u[j] * values[j] - 2 * values[i] * v[i] * v[j]
        matrix.row(i)[j] = Float(diagonal + rest + 4 * u[i] * inner * v[j])
      }
    }
    let objective = try SiteObjective(
      site: "s", gram: matrix, sum: Array(repeating: 0, count: count), tokens: 1,
      options: ObjectiveOptions())
    let low = try LowRankBranch(
      of: matrix, rank: 16, metric: .weight, objective: objective, place: "m: w"
    ).weight()
    var left = 0.0
    for i in 0..<matrix.count {
      left +=
        Double(matrix.pointer[i] - low.pointer[i]) * Double(matrix.pointer[i] - low.pointer[i])
    }
    let least = values.dropFirst(16).reduce(0) { $0 + $1 * $1 }
    #expect(left >= least * (1 - 1e-5) && left < least * (1 + 2e-5), "\(left / least - 1)")
  }

  @Test func `what is no branch is refused`() throws {
    let e2m1 = try NumberFormat("e2m1")
    func message(_ value: Float, rank: Int = 2) -> String {
      let bad = Matrix(rows: weight.rows, columns: weight.columns, values: weight.values)
      bad.row(3)[4] = value
      var options = RoundingOptions(WeightLayout(e2m1))
      options.rank = rank
      do {
        _ = try round(
          LayerProblem(place: "m: w", weight: bad, objective: objective), options: options)
        return "none"
      } catch { return "\(error)" }
    }
    #expect(message(.nan) == "m: w: expected finite weights, found nan")
    #expect(message(-.infinity) == "m: w: expected finite weights, found -inf")
    #expect(
      message(1e10) == "m: w: expected weights whose low-rank branch fits F16, found larger ones")
    #expect(message(0, rank: 73) == "m: w: expected a rank of at most 72 for --rank, found 73")
    #expect(message(0, rank: 72) == "none")
  }

  /// Codes are for what the branch leaves, and the report counts both.
  @Test(arguments: RoundingMethod.allCases, RankMetric.allCases)
  func `codes round what the branch leaves`(method: RoundingMethod, metric: RankMetric) throws {
    let layer = SyntheticLayer(outputs: 24, inputs: 96, tokens: 1600)
    var options = RoundingOptions(WeightLayout(try NumberFormat("e2m1"), .groups(of: 32)))
    options.method = method
    options.adaRound.iterations = 200
    let alone = try round(layer.problem(), options: options)
    #expect(alone.branch == nil)
    (options.rank, options.rankMetric) = (4, metric)
    let beside = try round(layer.problem(), options: options)
    #expect(beside.branch?.rank == 4)
    // f32 statistics and products, as in reportedErrorIsTheOutputError.
    #expect(abs(beside.report.errorAfter / layer.error(of: beside) - 1) < 2e-3)
    #expect(beside.report.errorAfter < alone.report.errorAfter)
    #expect(beside.report.errorBefore == alone.report.errorBefore)
  }
}
