import Foundation
import Inspection
import Platform
import Tensors
import TestSupport
import Testing

private func floats(_ name: String, _ shape: [Int], _ values: [Float]) -> Tensor {
  Tensor(name: name, dtype: .f32, shape: shape, values: values)
}

/// The cells of the row that begins with `name`.
private func row(_ table: Table, _ name: String) throws -> [String: Table.Cell] {
  let row = try #require(table.rows.first { $0[0] == .text(name) })
  return Dictionary(uniqueKeysWithValues: zip(table.columns, row))
}

/// 10 log10((9 + 16) / 0.25) = 20 dB; the largest difference is 0.5.
@Test func `signal to noise by hand`() throws {
  let difference = try TensorDifference(floats("a", [2], [3, 4]), floats("a", [2], [3, 4.5]))
  #expect(difference.sqnr == 20)
  #expect(difference.largest == 0.5)
}

@Test func `equal and unequal non finite values`() throws {
  let values: [Float] = [1, .nan, .infinity, -.infinity]
  let a = floats("a", [4], values)
  #expect(try TensorDifference(a, a).sqnr == .infinity)
  for (index, other) in [(0, Float.nan), (1, 1), (2, -.infinity), (3, 0)] {
    var changed = values
    changed[index] = other
    #expect(try TensorDifference(a, floats("a", [4], changed)).sqnr == -.infinity)
  }
  #expect(try TensorDifference(floats("a", [1], [0]), floats("a", [1], [1])).sqnr == -.infinity)
  #expect(try TensorDifference(floats("a", [0], []), floats("a", [0], [])).sqnr == .infinity)
}

/// The same figure as the direct f64 sum, for a length that is no multiple of a piece, and for one
/// thread and two.
@Test func `long tensors in pieces`() throws {
  let count = 200_001
  let x = (0..<count).map { Float(sin(Double($0))) }
  let y = x.map { Float(Float16($0)) }
  let expected =
    10
    * log10(
      x.reduce(0) { $0 + Double($1) * Double($1) }
        / zip(x, y).reduce(0) { $0 + pow(Double($1.0) - Double($1.1), 2) })
  let a = floats("a", [count], x)
  let b = Tensor(name: "a", dtype: .f16, shape: [count], values: x.map { Float16($0) })
  let found = try TensorDifference(a, b).sqnr
  // Both sums are f64 with errors below 200001 x 2^-53 relative.
  #expect(abs(found - expected) < 1e-9)
  let threads = Parallel.threads
  defer { Parallel.threads = threads }
  Parallel.threads = 1
  #expect(try TensorDifference(a, b).sqnr == found)
}

@Test func `files compare by name`() throws {
  let folder = try TemporaryFolder()
  let first = try save(
    folder.file("a"),
    [
      floats("same", [1], [2]), floats("close", [2], [3, 4]), floats("gone", [1], [1]),
      floats("reshaped", [2], [1, 2]),
      Tensor(name: "packed", dtype: .f4, shape: [2], origin: "", storage: bytes([7]), range: 0..<1),
    ])
  let second = try save(
    folder.file("b"),
    [
      floats("same", [1], [2]), floats("close", [2], [3, 4.5]), floats("new", [1], [1]),
      floats("reshaped", [1, 2], [1, 2]),
      Tensor(name: "packed", dtype: .f4, shape: [2], origin: "", storage: bytes([7]), range: 0..<1),
    ])
  let comparison = try CompareTensors(first, second, threshold: 20)
  #expect(try row(comparison.table, "same")["sqnr_db"] == .number(.infinity))
  #expect(try row(comparison.table, "close")["sqnr_db"] == .number(20))
  #expect(try row(comparison.table, "close")["max_abs"] == .number(0.5))
  #expect(try row(comparison.table, "gone")["note"] == .text("only in the first"))
  #expect(try row(comparison.table, "new")["note"] == .text("only in the second"))
  #expect(try row(comparison.table, "reshaped")["note"] == .text("shapes differ"))
  #expect(try row(comparison.table, "reshaped")["shape"] == .text("[2]/[1, 2]"))
  #expect(try row(comparison.table, "packed")["note"] == .text("same bytes"))
  // (4 + 25) / 0.25
  #expect(try row(comparison.table, "(all)")["sqnr_db"] == .number(10 * log10(116)))
  #expect(
    throws: ThresholdMissed(
      "gone", "expected an SQNR of 20 dB, found only in the first (3 of 6 tensors miss it)")
  ) { try comparison.check(atLeast: 20) }
  try comparison.check(atLeast: nil)
  #expect(
    throws: ThresholdMissed(
      "close", "expected an SQNR of 20.1 dB, found 20 dB (4 of 6 tensors miss it)")
  ) { try CompareTensors(first, second, threshold: 20.1).check(atLeast: 20.1) }
}

private func bytes(_ values: [UInt8]) -> ByteStorage {
  values.withUnsafeBytes { ByteStorage(copying: $0) }
}

@Test func `listing shows what the values are like`() throws {
  let folder = try TemporaryFolder()
  let path = try save(
    folder.file("a"),
    [
      floats("x", [2, 2], [1, -3, .nan, 5]), floats("allnan", [1], [.nan]), floats("none", [0], []),
      Tensor(name: "wide", dtype: .f64, shape: [1], values: [1e300]),
    ])
  let table = try ListTensors.table([path], values: true)
  let x = try row(table, "x")
  #expect(x["dtype"] == .text("F32"))
  #expect(x["shape"] == .sizes([2, 2]))
  #expect(x["bytes"] == .integer(16))
  #expect(x["min"] == .number(-3))
  #expect(x["max"] == .number(5))
  #expect(x["mean"] == .number(1))
  #expect(x["rms"] == .number((35.0 / 3).squareRoot()))
  #expect(x["nan"] == .integer(1))
  #expect(try row(table, "allnan")["mean"] == Table.Cell.none)
  #expect(try row(table, "allnan")["nan"] == .integer(1))
  #expect(try row(table, "none")["max"] == Table.Cell.none)
  #expect(try row(table, "wide")["max"] == .number(1e300))
  #expect(try ListTensors.table([path, path], values: false).columns[0] == "file")
}

@Test func `shards and pipeline folders list as one`() throws {
  let shards = try ListTensors.table([References.path("t5-b")], values: false)
  #expect(shards.rows.count == (try Checkpoint(folder: References.path("t5-b")).names.count))
  let pipeline = try OpenedTensors(References.path("pipeline-alpha/pipeline"))
  let prefixes = Set(pipeline.names.map { String($0.prefix { $0 != "/" }) })
  #expect(prefixes == ["text_encoder", "transformer", "vae"])
  for name in pipeline.names { #expect(try pipeline.tensor(name).bytes.count > 0) }
  #expect(throws: Failure.self) { try pipeline.tensor("transformer/none") }
}

@Test func `histograms count every finite value once`() throws {
  let folder = try TemporaryFolder()
  let path = try save(
    folder.file("a"),
    [
      floats("x", [7], [0, 0.5, 1, 1, 4, .nan, .infinity]), floats("one", [3], [2, 2, 2]),
      floats("nan", [1], [.nan]),
      Tensor(
        name: "wide", dtype: .f64, shape: [2],
        values: [
          -Double.greatestFiniteMagnitude,
          Double.greatestFiniteMagnitude,
        ]),
    ])
  let histogram = try Histogram(path, tensor: "x", bins: 4)
  #expect(histogram.counts == [2, 2, 0, 1])
  let table = histogram.table(.aligned, logarithmic: false)
  #expect(table.rows.map { $0[0] } == [.number(0), .number(1), .number(2), .number(3)])
  #expect(table.rows[3][1] == .number(4))
  #expect(table.rows[3][3] == .text(String(repeating: "#", count: 25)))
  #expect(histogram.table(.tsv, logarithmic: false).columns == ["from", "to", "count"])
  #expect(try Histogram(path, tensor: "one", bins: 4).counts == [3])
  #expect(try Histogram(path, tensor: "wide", bins: 3).counts == [1, 0, 1])
  #expect(throws: Failure("\(path): nan", "expected finite values, found none")) {
    try Histogram(path, tensor: "nan", bins: 4)
  }
}
