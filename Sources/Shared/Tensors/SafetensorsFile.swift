import Foundation
import Platform

/// One safetensors file: mapped when it is a regular file, read into memory when it is a pipe.
package final class SafetensorsFile: TensorSource {
  package let path: String
  package let metadata: [String: String]
  package let names: [String]
  private let tensors: [String: Tensor]

  /// Opens `path`, or stdin for `-`.
  package init(_ path: String) throws {
    let data =
      path == "-"
      ? FileHandle.standardInput.readDataToEndOfFile()
      : try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
    let place = path == "-" ? "<stdin>" : path
    self.path = place
    guard data.count >= 8 else {
      throw Failure(place, "expected a safetensors file, found \(data.count) bytes")
    }
    let storage = data.withUnsafeBytes { ByteStorage(copying: $0) }
    let length = Int(storage.bytes.loadUnaligned(as: UInt64.self))
    guard length <= data.count - 8,
      let header = try? JSONSerialization.jsonObject(with: data[8..<(8 + length)]) as? [String: Any]
    else { throw Failure(place, "expected a safetensors header") }
    metadata = header["__metadata__"] as? [String: String] ?? [:]
    var tensors: [String: Tensor] = [:]
    for (name, entry) in header where name != "__metadata__" {
      guard let entry = entry as? [String: Any],
        let dtype = (entry["dtype"] as? String).flatMap(DType.init),
        let shape = entry["shape"] as? [Int], let offsets = entry["data_offsets"] as? [Int]
      else { throw Failure(place, "expected a tensor entry for \(name)") }
      tensors[name] = Tensor(
        name: name, dtype: dtype, shape: shape, origin: place, storage: storage,
        range: (8 + length + offsets[0])..<(8 + length + offsets[1]))
    }
    self.tensors = tensors
    names = tensors.keys.sorted()
  }

  package func find(_ name: String) -> Tensor? { tensors[name] }
}
