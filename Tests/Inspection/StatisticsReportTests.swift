import Inspection
import Platform
import Tensors
import TestSupport
import Testing

/// Statistics of two tokens, (1, 2) and (3, 2), at site `s`.
private func statistics(
  gram: [Double] = [10, 8, 8], shape: [Int] = [3], count: Double = 2
) -> [Tensor] {
  [
    Tensor(name: "s.gram", dtype: .f64, shape: shape, values: gram),
    Tensor(name: "s.sum", dtype: .f64, shape: [2], values: [4.0, 4]),
    Tensor(name: "s.absmax", dtype: .f32, shape: [2], values: [Float(3), 2]),
    Tensor(name: "s.count", dtype: .f64, shape: [], values: [count]),
  ]
}

private let metadata = ["fpq.kind": "stats", "fpq.model": "PixArt"]

@Test func `a site by hand`() throws {
  let folder = try TemporaryFolder()
  let path = try save(folder.file("stats"), statistics(), metadata: metadata)
  let report = try DescribeFile.report(path)
  #expect(report.properties.map(\.key) == ["fpq.kind", "fpq.model"])
  let row = try #require(report.table.rows.first)
  let cells = Dictionary(uniqueKeysWithValues: zip(report.table.columns, row))
  #expect(cells["site"] == .text("s"))
  #expect(cells["channels"] == .integer(2))
  #expect(cells["tokens"] == .number(2))
  #expect(cells["tokens_per_channel"] == .number(1))
  // (1 + 4 + 9 + 4) / 4
  #expect(cells["rms"] == .number(4.5.squareRoot()))
  #expect(cells["absmax"] == .number(3))
  #expect(cells["absmax_over_rms"] == .number(3 / 4.5.squareRoot()))
  // Channel 0: mean 2, sigma 1. Channel 1: always 2.
  #expect(cells["mean_over_sigma"] == .number(.infinity))
  #expect(cells["top_channels"] == .text("1:inf 0:2"))
}

/// A site that saw no token is a row with its zeros, and the others keep their figures.
@Test func `a site without tokens`() throws {
  let folder = try TemporaryFolder()
  let empty = [
    Tensor(name: "t.gram", dtype: .f64, shape: [6], values: [Double](repeating: 0, count: 6)),
    Tensor(name: "t.sum", dtype: .f64, shape: [3], values: [0.0, 0, 0]),
    Tensor(name: "t.absmax", dtype: .f32, shape: [3], values: [Float(0), 0, 0]),
    Tensor(name: "t.count", dtype: .i64, shape: [], values: [Int64(0)]),
  ]
  let path = try save(folder.file("stats"), statistics() + empty, metadata: metadata)
  let table = try DescribeFile.report(path).table
  #expect(
    table.columns == [
      "site", "channels", "tokens", "tokens_per_channel", "rms", "absmax", "absmax_over_rms",
      "mean_over_sigma", "top_channels",
    ])
  #expect(table.rows.map(\.first) == [.text("s"), .text("t")])
  #expect(table.rows[0][2] == .number(2))
  #expect(
    table.rows[1]
      == [
        .text("t"), .integer(3), .number(0), .number(0), .none, .number(0), .none, .none, .none,
      ])
  let shown = try Shell.run("fpq-show", ["stats", path, "--tsv"])
  #expect(shown.status == 0)
  #expect(shown.text.hasSuffix("\nt\t3\t0.0\t0.0\t\t0.0\t\t\t\n"))
  #expect(
    shown.error
      == "fpq-show: \(path): warning: 2 of 2 sites have fewer than 16 tokens per channel, "
      + "least t with 0\n")
}

@Test func `statistics that are none`() throws {
  let folder = try TemporaryFolder()
  func problem(_ tensors: [Tensor]) throws -> String? {
    let path = try save(folder.file("stats"), tensors, metadata: metadata)
    do {
      _ = try DescribeFile.report(path)
      return nil
    } catch let failure as Failure {
      return String(failure.description.dropFirst(path.count + 2))
    }
  }
  #expect(
    try problem(statistics(gram: [10, 8, 8, 8], shape: [2, 2]))
      == "s.gram: expected a triangle of 2 channels, found [2, 2]")
  #expect(
    try problem(statistics(count: 0)) == "s.gram: expected zeros for a count of 0, found others")
  #expect(try problem(statistics(count: .nan)) == "s.count: expected a count, found nan")
  #expect(try problem(statistics(count: -1)) == "s.count: expected a count, found -1")
  #expect(
    try problem(statistics(gram: [.nan, 1, 1]))
      == "s.gram: expected finite sums, found NaN or infinity")
  #expect(try problem(Array(statistics().dropLast())) == "expected tensor s.count, found none")
  #expect(
    try problem([statistics()[0], floats("s.sum", [3]), statistics()[2], statistics()[3]])
      == "s.gram: expected a triangle of 3 channels, found [3]")
}

private func floats(_ name: String, _ shape: [Int]) -> Tensor {
  Tensor(name: name, dtype: .f32, shape: shape, values: [Float](repeating: 1, count: shape[0]))
}

@Test func `other files show their metadata and pictures their text`() throws {
  let folder = try TemporaryFolder()
  let path = try save(folder.file("x"), [floats("a", [1])], metadata: ["format": "pt"])
  let file = try DescribeFile.report(path)
  #expect(file.properties.map(\.key) == ["format", "tensors"])
  let image = Image(width: 2, height: 1, pixels: [1, 2, 3, 4, 5, 6])
  let png = try folder.write("x.png", image.pngData(text: [("parameters", "红心")]))
  let picture = try DescribeFile.report(png)
  #expect(picture.properties.map(\.key) == ["width", "height", "parameters"])
  #expect(picture.properties.last?.value == .text("红心"))
}
