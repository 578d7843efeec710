import Foundation
import Tensors
import TestSupport
import Testing

@Test func `a tensor's whole pages are let go, and come back as they were`() throws {
  let folder = try TemporaryFolder()
  let page = sysconf(Int32(_SC_PAGESIZE))
  // The first ends, and the second begins, somewhere within a page.
  let values = [10 * page + 100, 40 * page + 4].enumerated().map { index, count in
    (0..<count).map { UInt8(truncatingIfNeeded: $0 / 7 + index) }
  }
  let file = try SafetensorsFile(
    try save(
      folder.file("f"),
      values.enumerated().map {
        Tensor(name: "t\($0)", dtype: .u8, shape: [$1.count], values: $1)
      }))
  let tensors = try ["t0", "t1"].map { try file.tensor($0) }
  let name = URL(fileURLWithPath: folder.path).lastPathComponent + "/f"
  tensors[1].willNeed()
  // Reads every page of the file.
  #expect(tensors.map { Array($0.bytes) } == values)
  let before = try residentBytes(ofFile: name)
  #expect(before >= 50 * page)
  tensors[1].letGo()
  let range = tensors[1].range
  let whole = range.upperBound / page - (range.lowerBound + page - 1) / page
  #expect(try residentBytes(ofFile: name) == before - whole * page)
  #expect(tensors.map { Array($0.bytes) } == values)
}

/// Memory that is no file's would come back as zeros.
@Test func `a tensor in memory stays`() {
  let values = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 / 3 + 1) }
  let tensor = Tensor(name: "t", dtype: .u8, shape: [values.count], values: values)
  tensor.willNeed()
  tensor.letGo()
  #expect(Array(tensor.bytes) == values)
}
